import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, it } from "vitest";
import { TcpProxy } from "./tcp-proxy.ts";
import { until } from "./until.ts";

it("keeps the order of what passes when a delay ends", async () => {
  let received = "";
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("data", (chunk: Buffer) => (received += chunk.toString()));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = await TcpProxy.open({ host: "127.0.0.1", port: (server.address() as AddressInfo).port });
  const client = connect(proxy.address);
  await once(client, "connect");
  try {
    let taken = 0;
    // Drops nothing: it is asked about each chunk that the proxy takes in.
    proxy.drop("to-server", () => (taken += 1) === 0);
    proxy.delay(100);
    client.write("first ");
    await until(() => taken === 1 && sockets.length === 1, "the first chunk is on its way");
    proxy.delay(0);
    client.write("second");
    await until(() => received.length === 12, "both chunks arrive");
    expect(received).toBe("first second");
  } finally {
    client.destroy();
    await proxy.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});
