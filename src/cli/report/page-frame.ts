import { scriptJson } from "./escape-html.ts";
import { pageScript } from "./page-script.ts";
import { PAGE_STYLE } from "./page-style.ts";

/** What a page is made of. */
export interface PageParts {
  readonly title: string;
  /** Style beyond that of all pages. */
  readonly style?: string;
  /** HTML: what is seen. */
  readonly main: string;
  /** What the script draws, and the id that it finds it by. */
  readonly data: { readonly id: string; readonly value: unknown };
}

/** One page that needs nothing else: no network, no other file. */
export async function framedPage({ title, style = "", main, data }: PageParts): Promise<string> {
  const script = await pageScript();
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<title>${title}</title>
<style>${PAGE_STYLE}${style}</style>
</head>
<body>
<main>
${main}
</main>
<script type="application/json" id="${data.id}">${scriptJson(data.value)}</script>
<script>${script.replaceAll("</script", "<\\/script")}</script>
</body>
</html>
`;
}
