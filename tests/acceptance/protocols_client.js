// SPDX-License-Identifier: Apache-2.0
// protocols_client.js ORIGIN COUNT: node's HTTP/2 client: COUNT uploads over one connection, 50 at a time, each echoed
// with a trailer. Prints how many were wrong.
const http2 = require('node:http2');
const [origin, count] = [process.argv[2], Number(process.argv[3])];
const session = http2.connect(origin);
session.on('error', (e) => { console.error(e); process.exit(1); });

function one(n) {
  return new Promise((resolve) => {
    const content = Buffer.alloc(n % 3000, String(n % 10));
    const stream = session.request({ ':method': 'POST', ':path': '/echo', 'x-n': String(n) }, { waitForTrailers: true });
    let status, trailers = {};
    const got = [];
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': String(n) }));
    stream.on('response', (headers) => { status = headers[':status']; });
    stream.on('trailers', (t) => { trailers = t; });
    stream.on('data', (d) => got.push(d));
    stream.on('error', () => resolve(false));
    stream.on('end', () => resolve(status === 200 && Buffer.concat(got).equals(content) && trailers['x-sum'] === String(n)));
    stream.end(content);
  });
}

(async () => {
  let next = 0, wrong = 0;
  const worker = async () => { while (next < count) wrong += !(await one(next++)); };
  await Promise.all(Array.from({ length: 50 }, worker));
  console.log(wrong);
  session.close();
})();
