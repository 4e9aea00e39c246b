import { expect, test } from 'vitest';
import { Stand } from '../stand.ts';
import { until } from '../until.ts';

const webhook = { namespace: 'team-a', name: 'steady' };
const flaky = { namespace: 'team-a', name: 'flaky', delivery: { retry: { schedule: ['20s', '1s'] } } };
const each = 50;

test('EVENTS that is deleted by hand is made anew: what waited for a retry comes, and what is stored from then on', async ({
  onTestFinished,
}) => {
  const stand = await Stand.start(onTestFinished, ['team-a']);
  await stand.startOperator();
  await stand.createWebhooks([webhook, flaky]);
  stand.receiver.answer(({ webhook: name, attempt }) => ({
    status: name.endsWith('flaky') && attempt === 1 ? 503 : 200,
  }));
  const producer = await stand.startProducer({ sources: ['team-a'] });
  await producer.burst(each);
  const delivered = (name: string): string[] =>
    stand.receiver.deliveries
      .filter((delivery) => delivery.webhook === `team-a/${name}` && delivery.status === 200)
      .map(({ eventID }) => eventID);
  await until('the steady one has all', () => delivered('steady').length === each, 20_000);
  await until('the flaky one refused all', () => stand.receiver.deliveries.length === 2 * each, 40_000);

  await stand.broker.api.request('STREAM.DELETE.EVENTS', {}, 'Delete EVENTS');
  const isBack = async (): Promise<boolean> => (await stand.broker.streamState('EVENTS')).messages >= 0;
  await until('the stream is back', isBack, 60_000);
  // Its sequences are old ones again: what they said of the stream that is gone means nothing here.
  await producer.burst(each);
  const ids = [...producer.accepted.keys()];
  expect(ids).toHaveLength(2 * each);
  await stand.settle(90_000);
  expect(delivered('steady').toSorted()).toEqual(ids.toSorted());
  expect(delivered('flaky').toSorted()).toEqual(ids.toSorted());
  expect((await stand.broker.streamState('DEADLETTERS')).messages).toBe(0);
  for (const one of [webhook, flaky]) await stand.waitForCondition(one, 'Active', 'True');
});
