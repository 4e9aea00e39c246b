import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../logger.ts';
import { ListenError, type RouteHandler, type RunningServer, send, startServer } from './http-server.ts';
import { Probes } from './probes.ts';

const running: RunningServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

async function serve(routes: ReadonlyMap<string, RouteHandler>, port = 0): Promise<RunningServer> {
  const server = await startServer('test', { host: '127.0.0.1', port }, routes, silentLogger);
  running.push(server);
  return server;
}
const get = (server: RunningServer, path: string, method = 'GET') =>
  fetch(`http://127.0.0.1:${server.port}${path}`, { method });

describe('startServer', () => {
  const routes = new Map<string, RouteHandler>([
    ['/well', async (query, _request, response) => send(response, 200, `hello ${query.get('name')}`)],
    ['/throws', () => Promise.reject(new Error('secret detail'))],
  ]);

  it('answers its paths, with the query', async () => {
    const server = await serve(routes);
    const response = await get(server, '/well?name=you');
    expect([response.status, await response.text()]).toEqual([200, 'hello you']);
  });

  it('answers 404, 405 and 500 without details', async () => {
    const server = await serve(routes);
    expect((await get(server, '/other')).status).toBe(404);
    const refused = await get(server, '/well', 'POST');
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    const failed = await get(server, '/throws');
    expect([failed.status, await failed.text()]).toEqual([500, 'internal error\n']);
  });

  it('answers HEAD without a body', async () => {
    const response = await get(await serve(routes), '/well', 'HEAD');
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  it('survives a request target that is no path', async () => {
    const server = await serve(routes);
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(server.port, '127.0.0.1', () => socket.write('GET :@[ HTTP/1.1\r\nhost: x\r\n\r\n'));
      socket.once('data', (data) => {
        resolve(data.toString());
        socket.destroy();
      });
    });
    expect(answer).toMatch(/^HTTP\/1\.1 40[04]/);
    expect((await get(server, '/well')).status).toBe(200);
  });

  it('says which server can not have its address', async () => {
    const first = await serve(routes);
    await expect(serve(routes, first.port)).rejects.toThrow(ListenError);
    await expect(serve(routes, first.port)).rejects.toThrow(
      `The test server can't listen on 127.0.0.1:${first.port}: `,
    );
  });

  it('closes idle keep-alive connections too', async () => {
    const server = await startServer('test', { host: '127.0.0.1', port: 0 }, routes, silentLogger);
    await (await get(server, '/well')).text();
    await server.close();
    await expect(get(server, '/well')).rejects.toThrow();
  });
});

describe('Probes', () => {
  it('says ok while all checks are well, and lists them when asked', async () => {
    const probes = new Probes();
    probes.addReadiness('nats', () => undefined);
    const server = await serve(probes.routes());
    const brief = await get(server, '/readyz');
    expect([brief.status, await brief.text()]).toEqual([200, 'ok\n']);
    expect(await (await get(server, '/readyz?verbose')).text()).toBe(
      '[+]shutdown ok\n[+]nats ok\nreadyz check passed\n',
    );
    expect(await (await get(server, '/healthz?verbose')).text()).toBe('[+]ping ok\nhealthz check passed\n');
  });

  it('answers 500 with the reason of each failing check', async () => {
    const probes = new Probes();
    probes.addReadiness('caches', () => 'webhooks not listed yet');
    probes.addReadiness('broken', () => {
      throw new Error('oops');
    });
    probes.addLiveness('event-loop', () => 'stalled');
    const server = await serve(probes.routes());
    const response = await get(server, '/readyz');
    expect([response.status, await response.text()]).toEqual([
      500,
      '[+]shutdown ok\n[-]caches failed: webhooks not listed yet\n[-]broken failed: oops\nreadyz check failed\n',
    ]);
    expect((await get(server, '/healthz')).status).toBe(500);
    expect(probes.failing('readyz')).toEqual(['caches: webhooks not listed yet', 'broken: oops']);
  });

  it('is not ready but alive once the stop began', async () => {
    const probes = new Probes();
    const server = await serve(probes.routes());
    probes.beginShutdown();
    expect((await get(server, '/readyz')).status).toBe(500);
    expect((await get(server, '/healthz')).status).toBe(200);
  });
});
