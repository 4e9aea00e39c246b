import { describe, expect, it } from 'vitest';
import { ConfigurationError, helpText, parseOptions, requestedCommand } from './options.ts';
import { optionRows } from './option-table.ts';

function problemsOf(argv: readonly string[], env: Record<string, string> = {}): readonly string[] {
  try {
    parseOptions(argv, env);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

describe('parseOptions', () => {
  it('has a default for everything', () => {
    expect(parseOptions([], {})).toMatchObject({
      kubeconfig: undefined,
      natsURLs: ['nats://127.0.0.1:4222'],
      metricsBindAddress: { host: undefined, port: 8080 },
      healthProbeBindAddress: { host: undefined, port: 8081 },
      watchNamespaces: undefined,
      partitions: 16,
      shards: 1,
      streams: 'Manage',
      streamReplicas: 1,
      eventsStream: 'EVENTS',
      eventsMaxBytes: 4 * 2 ** 30,
      eventsMaxAge: 24 * 3_600_000,
      logLevel: 'info',
      shutdownTimeout: 30_000,
    });
  });

  it('reads flags with a blank or an equals sign', () => {
    const options = parseOptions(['--log-level', 'debug', '--nats-url=tls://a:4222,tls://b:4222'], {});
    expect(options.logLevel).toBe('debug');
    expect(options.natsURLs).toEqual(['tls://a:4222', 'tls://b:4222']);
  });

  it('lets a flag win over the environment, and an empty flag over both with the default', () => {
    expect(parseOptions(['--shards=3'], { SHARDS: '2' }).shards).toBe(3);
    expect(parseOptions([], { SHARDS: '2' }).shards).toBe(2);
    expect(parseOptions(['--watch-namespaces='], { WATCH_NAMESPACES: 'a' }).watchNamespaces).toBeUndefined();
  });

  it('takes an empty variable for an unset one', () => {
    expect(parseOptions([], { LOG_LEVEL: '', NATS_CREDS: '' })).toMatchObject({
      logLevel: 'info',
      natsCreds: undefined,
    });
  });

  it('keeps an equals sign within a value', () => {
    expect(parseOptions(['--kubeconfig=/a=b'], {}).kubeconfig).toBe('/a=b');
  });

  it('does not judge an invalid variable that a flag overrides', () => {
    expect(parseOptions(['--shards=3'], { SHARDS: 'many' }).shards).toBe(3);
  });

  it('names all problems at once, each with the flag or the variable that has it', () => {
    const problems = problemsOf(['--nope', 'stray', '--partitions=0', '--log-level'], { SHUTDOWN_TIMEOUT: 'soon' });
    expect(problems).toEqual([
      'unknown flag --nope',
      'unexpected argument "stray"',
      '--log-level: needs a value',
      '--partitions: "0" is no whole number from 1 to 256',
      expect.stringMatching(/^SHUTDOWN_TIMEOUT: /),
    ]);
    expect(() => parseOptions(['--nope'], {})).toThrow('Configuration invalid: unknown flag --nope');
  });

  it.each([
    [['--shards=1', '--shards=2'], '--shards: given more than once'],
    [['--log-level', '--shards=2'], '--log-level: needs a value'],
    [['-v'], 'unknown flag -v'],
    [['--api-bind-address=:8443'], 'unknown flag --api-bind-address'],
    [['--nats-cert=/c'], '--nats-cert and --nats-key: need each other'],
    [['--nats-key=/k'], '--nats-cert and --nats-key: need each other'],
    [
      ['--nats-creds=/c', '--nats-nkey=/n'],
      '--nats-creds, --nats-nkey and --nats-token-file: at most one may be given',
    ],
    [['--backlog-stream=EVENTS'], 'the names of the streams: each must be different'],
    [['--stream-replicas=2'], '--stream-replicas: "2" is none of 1, 3, 5'],
    [['--shutdown-timeout=500ms'], '--shutdown-timeout: "500ms" is too short; the least is 1s'],
  ])('refuses %j', (argv, problem) => {
    expect(problemsOf(argv)).toEqual([problem]);
  });
});

describe('the option table', () => {
  it('has no flag and no variable twice', () => {
    const flags = optionRows.map(([, { flag }]) => flag);
    const variables = optionRows.map(([, { env }]) => env);
    expect(new Set(flags).size).toBe(flags.length);
    expect(new Set(variables).size).toBe(variables.length);
  });

  it.each(optionRows.map(([key, row]) => ({ key, row })))('names $row.env after $row.flag', ({ row }) => {
    expect(row.env).toBe(row.flag.slice(2).replaceAll('-', '_').toUpperCase());
  });

  it.each(optionRows.map(([key, row]) => ({ key, row })))('says what happens without $row.flag', ({ row }) => {
    expect((row.default === undefined) !== (row.defaultNote === undefined)).toBe(true);
    expect(row.help).toMatch(/^[A-Z/].*\.$/);
  });
});

describe('helpText', () => {
  it('prints every flag with its variable and default', () => {
    const text = helpText();
    for (const [, row] of optionRows) expect(text).toContain(`${row.flag} ${row.placeholder}`);
    expect(text).toContain('Environment LOG_LEVEL; default info');
    expect(text).toContain('Environment WATCH_NAMESPACES; default all namespaces');
  });
});

describe('requestedCommand', () => {
  it.each([
    [[], 'Run'],
    [['--log-level=debug'], 'Run'],
    [['--nope', '-h'], 'Help'],
    [['--version', '--help'], 'Help'],
    [['--nope', '--version'], 'Version'],
  ] as const)('understands %j as %s', (argv, command) => {
    expect(requestedCommand(argv)).toBe(command);
  });
});
