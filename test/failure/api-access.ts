import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../cluster/scratch.ts';
import { startSeverableProxy, type SeverableProxy } from './severable-proxy.ts';
import type { OnEnd, Stand } from './stand.ts';

/** One replica's own way to the API server. */
export interface ApiAccess {
  readonly kubeconfig: string;
  readonly proxy: SeverableProxy;
}

export async function openApiAccess({ plane }: Pick<Stand, 'plane'>, onEnd: OnEnd): Promise<ApiAccess> {
  const proxy = await startSeverableProxy(plane.apiServer.port);
  onEnd(() => proxy.close());
  const config = readFileSync(plane.kubeconfig, 'utf8');
  const kubeconfig = join(temporaryFolder('api-access'), 'kubeconfig');
  writeFileSync(kubeconfig, config.replaceAll(plane.url, `https://127.0.0.1:${proxy.port}`), { mode: 0o600 });
  return { kubeconfig, proxy };
}
