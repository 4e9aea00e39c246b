import { messageOf } from '../../src/errors.ts';
import { startExampleReceiver, type ExampleReceiver } from '../receivers/example-receiver.ts';
import { untilInterrupted } from './interrupt.ts';
import { withConnection } from './publisher.ts';
import { manifests, startStack, type Stack } from './stack.ts';
import { printWebhooks } from './webhook-table.ts';

// `npm start`: the whole thing on this machine, to look at and to try.

/** The port that `examples` name. */
const examplePort = 8787;
/** Of `examples/secret-and-signing.yaml`. */
const exampleKeys = ['whsec_ZXhhbXBsZSBrZXkgb2YgMzIgYnl0ZXMsIGN1cnJlbnQ='];
const examples = ['example', 'example-signed'] as const;

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;
const say = (line: string) => console.log(line);
const step = (line: string) => say(`[${seconds(performance.now()).padStart(6)}] ${line}`);

/** Three events for `example`, of which the filter of `example-signed` takes one. */
const expectedDeliveries = 4;
const deliveries = Promise.withResolvers<{ readonly first: number }>();
const receiver = await openReceiver();
const stack = await startStack(step);
const { controlPlane, nats, operator } = stack;

step('applying examples');
await controlPlane.apply(manifests('examples').replaceAll(`127.0.0.1:${examplePort}`, `127.0.0.1:${receiver.port}`));
const closing = new AbortController();
const firstTable = Promise.withResolvers<void>();
const printing = printWebhooks(
  controlPlane,
  (table) => {
    say(`\n${table}\n`);
    firstTable.resolve();
  },
  closing.signal,
);
await untilActive(stack);
step('publishing three events');
await withConnection(nats.url, async (publish) => {
  await publish('default', 'item.created', '{"id":1,"columnId":"status"}', crypto.randomUUID());
  await publish('default', 'item.created', '{"id":2,"columnId":"name"}', crypto.randomUUID());
  await publish('default', 'item.status_changed.done', '{"id":1}', crypto.randomUUID());
});
const { first } = await deliveries.promise;
await firstTable.promise;
// Up to here Ctrl-C simply ends this process, and the parts with it.
const interrupted = untilInterrupted();
say(whatNow(first));

const ended = await Promise.race([interrupted, operator.exited]);
closing.abort();
if (ended !== undefined) {
  console.error(`The operator ended by itself (${JSON.stringify(ended)}). Its last lines:`);
  for (const line of operator.logs().slice(-10)) console.error(JSON.stringify(line));
  process.exitCode = 1;
}
say('\nStopping the operator, kube-apiserver, etcd and NATS …');
await printing;
await stack.stop();
await receiver.close();
say('Everything is stopped.');

/** On the port that the examples name; when that is taken, on a free one, which the examples are then applied with. */
async function openReceiver(): Promise<ExampleReceiver> {
  let count = 0;
  let first = 0;
  const options = {
    print: say,
    signingKeys: exampleKeys,
    onDelivery: () => {
      count += 1;
      if (count === 1) first = performance.now();
      if (count === expectedDeliveries) deliveries.resolve({ first });
    },
  };
  try {
    return await startExampleReceiver({ ...options, port: examplePort });
  } catch (error) {
    const other = await startExampleReceiver({ ...options, port: 0 });
    say(
      `Port ${examplePort} is not to be had (${messageOf(error)}): the receiver and the examples use ${other.port} instead.`,
    );
    return other;
  }
}

async function untilActive({ controlPlane }: Stack): Promise<void> {
  const names = examples.map((name) => `webhook/${name}`);
  const { code, stderr } = await controlPlane.kubectl('wait', '--for=condition=Active', '--timeout=60s', ...names);
  if (code === 0) return;
  const { stdout } = await controlPlane.kubectl('get', 'webhooks', '--output=yaml');
  throw new Error(`The examples did not become active: ${stderr}\n${stdout}`);
}

function whatNow(firstDelivery: number): string {
  const moved = receiver.port === examplePort ? '' : `  export RECEIVER_URL=http://127.0.0.1:${receiver.port}\n`;
  return `
First delivery after ${seconds(firstDelivery)}. All of it runs until Ctrl-C; what it stores goes with it. In another terminal, in this folder:

  export KUBECONFIG=${controlPlane.kubeconfig}
  export PATH=${controlPlane.tools}:$PATH      # kubectl and helm
  export NATS_URL=${nats.url}
${moved}
Three things to try:

  1. Publish an event; the receiver prints it here.
       npm run event -- item.created '{"id":3,"columnId":"status"}'

  2. Make the receiver answer 500, publish again, and watch the streak. Retries come after 2, 5 and 15 s; 12 failures in a row disable.
       npm run receiver -- fail
       npm run event -- item.created '{"id":4}'
       kubectl describe webhook example

  3. Make it answer 200 again: what failed arrives at its next attempt. If a webhook was disabled meanwhile, toggle it.
       npm run receiver -- ok
       kubectl patch webhook example --type=merge --patch='{"spec":{"suspend":true}}'
       kubectl patch webhook example --type=merge --patch='{"spec":{"suspend":false}}'

  Metrics of the operator: ${operator.metricsUrl}
`;
}
