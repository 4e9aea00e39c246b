import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

/** A way to a server on 127.0.0.1 that can be cut: what goes over it has lost the server, and nobody else has. */
export interface SeverableProxy {
  readonly port: number;
  /** `refuse`: connections end at once. `swallow`: they stay open, and nothing comes through. */
  cut(how: 'refuse' | 'swallow'): void;
  mend(): void;
  close(): Promise<void>;
}

/** @param target port on 127.0.0.1 */
export async function startSeverableProxy(target: number): Promise<SeverableProxy> {
  const sockets = new Set<Socket>();
  let state: 'open' | 'refuse' | 'swallow' = 'open';
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    keep(client);
    if (state === 'refuse') client.destroy();
    if (state !== 'open') return;
    const upstream = connect(target, '127.0.0.1');
    keep(upstream);
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    client.pipe(upstream).pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const destroyAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut: (how) => {
      state = how;
      if (how === 'refuse') destroyAll();
      // Unpiped streams that flow throw away what they get.
      else for (const socket of sockets) socket.unpipe().resume();
    },
    mend: () => {
      state = 'open';
      destroyAll();
    },
    close: async () => {
      destroyAll();
      server.close();
      await once(server, 'close');
    },
  };
}
