import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { RouteHandler } from './http-server.ts';
import type { Metrics } from './metrics.ts';

/** `/metrics` for `startServer`: written piece by piece as fast as the client reads, compressed (off the main thread) when it likes. */
export function metricsRoutes(metrics: Pick<Metrics, 'render' | 'contentType'>): Map<string, RouteHandler> {
  const handler: RouteHandler = async (_query, request, response) => {
    const compressed = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
    response.writeHead(200, {
      'content-type': metrics.contentType,
      vary: 'accept-encoding',
      ...(compressed ? { 'content-encoding': 'gzip' } : {}),
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    const source = Readable.from(metrics.render(), { objectMode: false });
    try {
      if (compressed) await pipeline(source, createGzip({ level: 1 }), response);
      else await pipeline(source, response);
    } catch (error) {
      // A client that went away in the middle of a scrape is no fault of ours.
      if (!isPrematureClose(error)) throw error;
    }
  };
  return new Map([['/metrics', handler]]);
}

function isPrematureClose(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';
}
