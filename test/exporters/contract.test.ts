import { exporterContract } from "./contract-suite.ts";
import { EXPORTERS } from "./under-test.ts";

for (const entry of EXPORTERS) exporterContract(entry);
