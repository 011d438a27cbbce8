// The thinnest bridge that can be written on `ws`: lines of stdin to frames, frames to lines of stdout.
import WebSocket from 'ws';

const socket = new WebSocket(process.argv[2], { perMessageDeflate: false, maxPayload: 0 });

socket.on('message', (data) => process.stdout.write(Buffer.concat([data, Buffer.from('\n')])));
socket.on('close', () => process.exit(0));
socket.on('error', () => process.exit(1));

socket.on('open', () => {
  let parts = []; // of a line that is not complete yet
  process.stdin.on('data', (chunk) => {
    let start = 0;
    for (let end; (end = chunk.indexOf(10, start)) >= 0; start = end + 1) {
      parts.push(chunk.subarray(start, end));
      socket.send(parts.length === 1 ? parts[0] : Buffer.concat(parts), { binary: false });
      parts = [];
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  });
  process.stdin.on('end', () => socket.close());
});
