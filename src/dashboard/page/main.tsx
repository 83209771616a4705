import { render } from "preact";
import { App } from "./app.tsx";
import { listenForKeys } from "./keys.ts";
import { begin } from "./store.ts";

// The script of the live page: what the streams tell, drawn anew as they tell it.

const root = document.getElementById("app");
if (root !== null) render(<App />, root);
listenForKeys();
void begin();
