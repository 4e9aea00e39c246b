import { messageOf } from '../../src/errors.ts';
import type { OperatorProcess } from '../operator/operator-process.ts';
import { startExampleReceiver, type ExampleReceiver } from '../receivers/example-receiver.ts';
import { TestClusterError } from './errors.ts';
import { untilInterrupted } from './interrupt.ts';
import { withConnection } from './publisher.ts';
import { manifests, startStack, type Stack } from './stack.ts';
import { printWebhooks } from './webhook-table.ts';

// `npm start`: the whole thing on this machine, to look at and to try.

/** The port that `examples` name. */
const examplePort = 8787;
/** Of `examples/secret-and-signing.yaml`. */
const exampleKeys = ['whsec_ZXhhbXBsZSBrZXkgb2YgMzIgYnl0ZXMsIGN1cnJlbnQ='];
const examples = ['webhook/example', 'webhook/example-signed'] as const;
/** Three events for `example`, of which the filter of `example-signed` takes one. */
const expectedDeliveries = 4;

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;
const say = (line: string) => console.log(line);
const step = (line: string) => say(`[${seconds(performance.now()).padStart(6)}] ${line}`);

/** The first delivery's time since the start of this process, in milliseconds; resolves once all are here. */
const delivered = Promise.withResolvers<number>();

try {
  await run();
} catch (error) {
  console.error(messageOf(error));
  // What runs goes with this process.
  process.exit(1);
}

async function run(): Promise<void> {
  const receiver = await openReceiver();
  const stack = await startStack(step);
  step('applying examples');
  const texts = manifests('examples').replaceAll(`127.0.0.1:${examplePort}`, `127.0.0.1:${receiver.port}`);
  await stack.controlPlane.apply(texts);
  const closing = new AbortController();
  const firstTable = Promise.withResolvers<void>();
  const printing = printWebhooks(
    stack.controlPlane,
    (table) => {
      say(`\n${table}\n`);
      firstTable.resolve();
    },
    closing.signal,
  );
  await untilActive(stack);
  step('publishing three events');
  await publishExamples(stack.nats.url);
  const firstDelivery = await Promise.race([delivered.promise, endOf(stack.operator)]);
  await firstTable.promise;

  // Up to here Ctrl-C simply ends this process, and the parts with it.
  const interrupted = untilInterrupted();
  say(whatNow(stack, receiver.port, firstDelivery));
  await Promise.race([interrupted, endOf(stack.operator)]);
  say('\nStopping the operator, kube-apiserver, etcd and NATS …');
  closing.abort();
  await printing;
  await stack.stop();
  await receiver.close();
  say('Everything is stopped.');
}

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
      if (count === expectedDeliveries) delivered.resolve(first);
    },
  };
  try {
    return await startExampleReceiver({ ...options, port: examplePort });
  } catch (error) {
    const other = await startExampleReceiver({ ...options, port: 0 });
    say(
      `Port ${examplePort} is not to be had (${messageOf(error)}): ` +
        `the receiver and the examples use ${other.port} instead.`,
    );
    return other;
  }
}

async function untilActive({ controlPlane }: Stack): Promise<void> {
  const { code, stderr } = await controlPlane.kubectl('wait', '--for=condition=Active', '--timeout=60s', ...examples);
  if (code === 0) return;
  const { stdout } = await controlPlane.kubectl('get', 'webhooks', '--output=yaml');
  throw new TestClusterError(`the examples did not become active: ${stderr}\n${stdout}`);
}

function publishExamples(url: string): Promise<void> {
  return withConnection(url, async (publish) => {
    await publish('default', 'item.created', '{"id":1,"columnId":"status"}', crypto.randomUUID());
    await publish('default', 'item.created', '{"id":2,"columnId":"name"}', crypto.randomUUID());
    await publish('default', 'item.status_changed.done', '{"id":1}', crypto.randomUUID());
  });
}

/** Rejects when the operator ends by itself. */
async function endOf(operator: OperatorProcess): Promise<never> {
  const exit = await operator.exited;
  const lines = operator
    .logs()
    .slice(-10)
    .map((line) => JSON.stringify(line));
  throw new TestClusterError(`the operator ended by itself (${JSON.stringify(exit)}):\n${lines.join('\n')}`);
}

function whatNow({ controlPlane, nats, operator }: Stack, receiverPort: number, firstDelivery: number): string {
  const moved = receiverPort === examplePort ? '' : `  export RECEIVER_URL=http://127.0.0.1:${receiverPort}\n`;
  return `
First delivery after ${seconds(firstDelivery)}. All of it runs until Ctrl-C; what it stores goes with it.
In another terminal, in this folder:

  export KUBECONFIG=${controlPlane.kubeconfig}
  export PATH=${controlPlane.tools}:$PATH      # kubectl and helm
  export NATS_URL=${nats.url}
${moved}
Three things to try:

  1. Publish an event; the receiver prints it here.
       npm run event -- item.created '{"id":3,"columnId":"status"}'

  2. Make the receiver answer 500, and publish three events at once.
     Each is tried again after 2, 5, 15, 30 and 60 s. After about 22 s the
     12th failure in a row disables the webhook; describe says why.
       npm run receiver -- fail
       npm run event -- item.created '{"id":4}' --count 3
       kubectl describe webhook example

  3. Make it answer 200 again, and toggle the webhook, which re-enables it:
     what was held arrives.
       npm run receiver -- ok
       kubectl patch webhook example --type=merge --patch='{"spec":{"suspend":true}}'
       kubectl patch webhook example --type=merge --patch='{"spec":{"suspend":false}}'

  Metrics of the operator: ${operator.metricsUrl}
  Its log:                 tail -f ${operator.logFile}
`;
}
