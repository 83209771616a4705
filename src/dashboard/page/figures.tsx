import { duration, grouped } from "../../report/wording.ts";
import { incidents, refusedPerSecond, view } from "./store.ts";

/** The numbers of all breakers together. */
export function Figures() {
  const { summary } = incidents.value;
  const { mttrMeanMs, mttrP90Ms, incidents: count, stillOpen, recovered } = summary;
  const rate = refusedPerSecond.value;
  return (
    <dl class="figures">
      <Figure name="refused" value={grouped(view.value.skips)} />
      <Figure
        name="refused per second"
        value={rate === null ? "not known" : grouped(Math.round(rate))}
      />
      <Figure name="incidents" value={grouped(count)} />
      <Figure name="still open" value={grouped(stillOpen)} />
      <Figure
        name={`MTTR (mean of ${grouped(recovered)})`}
        value={mttrMeanMs === null ? "none yet" : duration(mttrMeanMs)}
      />
      <Figure
        name="90th percentile"
        value={mttrP90Ms === null ? "none yet" : duration(mttrP90Ms)}
      />
    </dl>
  );
}

function Figure({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
