import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TestClusterError } from './errors.ts';
import { spoken, type Progress } from './progress.ts';
import { readZip, type ZipEntry } from './zip.ts';

const oldest = { major: 1, minor: 26 };
const version = '1.26.8';

// The module checksums of golang.org/toolchain@v0.0.1-go1.26.8.<os>-<arch>, as sum.golang.org has them.
const checksums: Readonly<Record<string, string>> = {
  'linux-amd64': 'h1:ZOmGe1OnfREDMIdb1Qi4G9JSuDPBLGExZMQ4nis1RXM=',
  'linux-arm64': 'h1:sYL/O6MqS68ML0kjsQ36WoYIpJqkw60TxizWUYUKQMc=',
  'darwin-amd64': 'h1:7/9KPPN8PckcA9s91hm2jmQMhzW4KyTJXHIs45L0C9M=',
  'darwin-arm64': 'h1:dFjGhY6f8DTsY8/rLchUTDRRfjJP4pCrGCwxvHFT2Fg=',
};

/** Path of a `go` command of at least 1.26: the one on PATH, else one unpacked from Go's module proxy into `cache`. */
export async function provideGo(
  cache: string,
  progress: Progress,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const installed = await installedVersion(env);
  if (installed !== undefined && isNewEnough(installed)) return 'go';

  const target = join(cache, `go-${version}`);
  const command = join(target, 'bin', 'go');
  if (existsSync(command)) return command;

  const system = `${platform()}-${arch() === 'x64' ? 'amd64' : arch()}`;
  const checksum = checksums[system];
  if (checksum === undefined) {
    throw new TestClusterError(
      `install Go ${oldest.major}.${oldest.minor} or newer: there is no pinned one for ${system}`,
    );
  }
  const module = `golang.org/toolchain@v0.0.1-go${version}.${system}`;
  const archive = await download(module, progress, env);
  const unpacked = `${target}.${process.pid}.part`;
  await rm(unpacked, { recursive: true, force: true });
  progress.say(`unpacking Go ${version}`);
  await unpackModule(archive, module, checksum, unpacked);
  await rm(target, { recursive: true, force: true });
  await rename(unpacked, target);
  return command;
}

/** Whether a version as `go env GOVERSION` prints it (`go1.26.8`, `go1.27rc1`) can build the programs. */
export function isNewEnough(goVersion: string): boolean {
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(goVersion) ?? [];
  return Number(major) > oldest.major || (Number(major) === oldest.major && Number(minor) >= oldest.minor);
}

/** The proxies that a GOPROXY value names, in order. Go's own when it names none. */
export function moduleProxies(value: string | undefined): readonly string[] {
  const named = (value ?? '').split(/[,|]/).map((entry) => entry.trim());
  const usable = named.filter((entry) => /^(https?|file):\/\//.test(entry)).map((entry) => entry.replace(/\/+$/, ''));
  return usable.length > 0 ? usable : ['https://proxy.golang.org'];
}

/**
 * Checks a module zip against its checksum (`h1:` of golang.org/x/mod/sumdb/dirhash, which go.sum files hold) and writes its
 * files. Nothing is written when the checksum differs: TestClusterError.
 */
export async function unpackModule(archive: Buffer, module: string, checksum: string, folder: string): Promise<void> {
  const entries = readZip(archive);
  const actual = moduleChecksum(entries);
  if (actual !== checksum) throw new TestClusterError(`${module} has the checksum ${actual}, expected ${checksum}`);
  for (const entry of entries) {
    const path = entry.name.slice(module.length + 1);
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    // Module zips hold no modes.
    const mode = /^(bin|pkg\/tool)\//.test(path) ? 0o755 : 0o644;
    await writeFile(file, entry.read(), { mode });
  }
}

function moduleChecksum(entries: readonly ZipEntry[]): string {
  const lines = entries
    .toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
    .map((entry) => `${createHash('sha256').update(entry.read()).digest('hex')}  ${entry.name}\n`);
  return `h1:${createHash('sha256').update(lines.join('')).digest('base64')}`;
}

function installedVersion(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile('go', ['env', 'GOVERSION'], { env: { ...env, GOTOOLCHAIN: 'local' } }, (error, stdout) => {
      resolve(error === null ? stdout.trim() : undefined);
    });
  });
}

async function download(module: string, progress: Progress, env: NodeJS.ProcessEnv): Promise<Buffer> {
  const path = module.replace('@', '/@v/');
  const failures: string[] = [];
  for (const proxy of moduleProxies(env['GOPROXY'])) {
    try {
      progress.say(`downloading Go ${version} (about 75 MB)`);
      return await fetchFile(`${proxy}/${path}.zip`, progress);
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new TestClusterError(
    `can't download ${module}: ${failures.join('; ')}. Install Go ${oldest.major}.${oldest.minor} or newer, or set GOPROXY`,
  );
}

async function fetchFile(address: string, progress: Progress): Promise<Buffer> {
  const url = new URL(address);
  if (url.protocol === 'file:') return readFile(fileURLToPath(url));
  const headers = new Headers();
  if (url.username !== '') {
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    headers.set('authorization', `Basic ${Buffer.from(credentials).toString('base64')}`);
    url.username = '';
    url.password = '';
  }
  const began = performance.now();
  const response = await fetch(url, { headers });
  if (!response.ok || response.body === null) throw new TestClusterError(`${url.host} answered ${response.status}`);
  const total = Number(response.headers.get('content-length') ?? 0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    chunks.push(chunk);
    size += chunk.length;
    const share = total > 0 ? ` of ${megabytes(total)}` : '';
    progress.at(`downloading Go ${version}: ${megabytes(size)}${share}, ${spoken(performance.now() - began)}`);
  }
  return Buffer.concat(chunks);
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1_000_000)} MB`;
}
