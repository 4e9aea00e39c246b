import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { isNewEnough, moduleProxies, unpackModule } from './go-toolchain.ts';
import { temporaryFolder } from './scratch.ts';
import { readZip } from './zip.ts';

/** A zip archive as APPNOTE.TXT describes it, every second file stored, the others deflated. */
function zip(files: Readonly<Record<string, string>>, comment = ''): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [index, [name, content]] of Object.entries(files).entries()) {
    const method = index % 2 === 0 ? 0 : 8;
    const packed = method === 0 ? Buffer.from(content) : deflateRawSync(content);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(Buffer.byteLength(content), 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const header = Buffer.concat([Buffer.from('PK\u0003\u0004'), common, Buffer.from(name), packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    central.push(Buffer.from('PK\u0001\u0002\u0000\u0000'), common, tail, Buffer.from(name));
    local.push(header);
    offset += header.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\u0005\u0006');
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...local, directory, end, Buffer.from(comment)]);
}

describe('a zip archive', () => {
  const files = { 'a/one.txt': 'one', 'a/two.txt': 'two '.repeat(1000), 'a/empty': '' };

  test.each(['', 'a comment at the end'])('is read entry by entry (%j)', (comment) => {
    const entries = readZip(zip(files, comment));
    expect(Object.fromEntries(entries.map((entry) => [entry.name, entry.read().toString()]))).toEqual(files);
  });

  test('that is none is refused', () => {
    expect(() => readZip(Buffer.from('<html>not found</html>'))).toThrow('not a zip archive');
    expect(() => readZip(Buffer.alloc(0))).toThrow('not a zip archive');
  });
});

describe('a Go module', () => {
  const module = 'example.test/tool@v1.0.0';
  const files = {
    [`${module}/src/z.go`]: 'package z',
    [`${module}/bin/go`]: 'go',
    [`${module}/pkg/tool/x/link`]: 'link',
  };
  const lines = Object.entries(files)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, content]) => `${createHash('sha256').update(content).digest('hex')}  ${name}\n`);
  const checksum = `h1:${createHash('sha256').update(lines.join('')).digest('base64')}`;

  test('is unpacked without its prefix, its tools executable', async () => {
    const folder = temporaryFolder('module');
    await unpackModule(zip(files), module, checksum, folder);
    expect(readFileSync(join(folder, 'src/z.go'), 'utf8')).toBe('package z');
    expect(statSync(join(folder, 'bin/go')).mode & 0o111).not.toBe(0);
    expect(statSync(join(folder, 'pkg/tool/x/link')).mode & 0o111).not.toBe(0);
    expect(statSync(join(folder, 'src/z.go')).mode & 0o111).toBe(0);
  });

  test('with another checksum leaves nothing behind', async () => {
    const folder = join(temporaryFolder('module'), 'unpacked');
    const changed = zip({ ...files, [`${module}/bin/go`]: 'evil' });
    await expect(unpackModule(changed, module, checksum, folder)).rejects.toThrow('has the checksum h1:');
    expect(existsSync(folder)).toBe(false);
  });
});

test.each([
  ['go1.26.8', true],
  ['go1.26', true],
  ['go1.27rc1', true],
  ['go2.0', true],
  ['go1.25.9', false],
  ['go1.4', false],
  ['devel', false],
])('Go %s is new enough: %s', (version, expected) => {
  expect(isNewEnough(version)).toBe(expected);
});

test.each([
  [undefined, ['https://proxy.golang.org']],
  ['', ['https://proxy.golang.org']],
  ['direct', ['https://proxy.golang.org']],
  ['https://a.test/,https://b.test|direct', ['https://a.test', 'https://b.test']],
  ['file:///mirror', ['file:///mirror']],
])('GOPROXY %j names %j', (value, expected) => {
  expect(moduleProxies(value)).toEqual(expected);
});
