/**
 * Preloaded into the operator with `node --import`: what it reads below a mount path comes from the folder that stands for
 * the volume. So arguments, and the fixed paths of a pod's ServiceAccount, stay as they are in a container, without root.
 * The query of this module's URL carries the table: `?<mount path>=<folder>&…`. And "every address", which is the pod's own
 * network in a container, is the loopback interface here: nothing of a test is to be reached from outside.
 */
import fs from 'node:fs';
import { Server } from 'node:net';
import { syncBuiltinESMExports } from 'node:module';

const mounts = [...new URL(import.meta.url).searchParams];

function mounted<P>(path: P): P | string {
  if (typeof path !== 'string') return path;
  const [mountPath, folder] = mounts.find(([mountPath]) => path.startsWith(`${mountPath}/`)) ?? [];
  return mountPath === undefined || folder === undefined ? path : folder + path.slice(mountPath.length);
}

/** The same function, but its first argument is a path as the container sees it. */
function behindMounts<F extends (...args: never[]) => unknown>(original: F): F {
  return new Proxy(original, {
    apply: (target, self, [path, ...rest]) => Reflect.apply(target, self, [mounted(path), ...rest]) as unknown,
  });
}

// All by which the operator and its clients of NATS and Kubernetes read files.
fs.accessSync = behindMounts(fs.accessSync);
fs.existsSync = behindMounts(fs.existsSync);
fs.readFile = behindMounts(fs.readFile);
fs.readFileSync = behindMounts(fs.readFileSync);
syncBuiltinESMExports();

const { prototype }: { readonly prototype: { listen: (...args: never[]) => Server } } = Server;
prototype.listen = new Proxy(prototype.listen, {
  apply: (target, self, [options, ...rest]: unknown[]) => {
    const isOpen =
      typeof options === 'object' && options !== null && 'port' in options && !('host' in options && options.host);
    const local: unknown = isOpen ? { ...options, host: '127.0.0.1' } : options;
    return Reflect.apply(target, self, [local, ...rest] as never) as unknown;
  },
});
