#!/usr/bin/env node
// Answers POST requests to "/" with the same bodies as stdio.js:  node http.js [PORT]

import { createServer } from "node:http";
import { Adapter } from "./adapter.js";

const adapter = new Adapter();
const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  response.setHeader("content-type", "application/json");
  response.end(adapter.answer(Buffer.concat(chunks).toString("utf8")));
});
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  const { port } = server.address();
  process.stderr.write(`http://127.0.0.1:${port}\n`);
});
