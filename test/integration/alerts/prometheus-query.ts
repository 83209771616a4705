/** One series of an answer. */
export interface QueriedSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Its values over the time that was asked for, in order. */
  readonly values: readonly number[];
}

/** A span of time, in Unix seconds. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Asks a Prometheus for every value of a query within a span, one a second. */
export async function queryRange(url: string, query: string, span: Span): Promise<QueriedSeries[]> {
  const parameters = new URLSearchParams({
    query,
    start: String(span.start),
    end: String(span.end),
    step: "0.5",
  });
  const data = await ask(`${url}/api/v1/query_range?${parameters}`);
  // The answer to a range query is a matrix.
  const { result } = data as { readonly result: readonly RawSeries[] };
  return result.map(({ metric, values }) => ({
    labels: metric,
    values: values.map(([, value]) => Number(value)),
  }));
}

/** The values that a label has. */
export async function labelValues(url: string, label: string, match: string): Promise<string[]> {
  const parameters = new URLSearchParams({ "match[]": match });
  // The answer is a list of texts.
  return (await ask(`${url}/api/v1/label/${label}/values?${parameters}`)) as string[];
}

interface RawSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [number, string])[];
}

async function ask(url: string): Promise<unknown> {
  const response = await fetch(url);
  const body: { readonly status: string; readonly data: unknown; readonly error?: string } =
    JSON.parse(await response.text());
  if (body.status !== "success") throw new Error(`${body.error}\n${decodeURIComponent(url)}`);
  return body.data;
}
