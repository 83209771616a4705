import { exporterContract } from "./contract-suite.ts";
import { STREAMS } from "./streams-under-test.ts";
import { EXPORTERS } from "./under-test.ts";

for (const entry of [...EXPORTERS, ...STREAMS]) exporterContract(entry);
