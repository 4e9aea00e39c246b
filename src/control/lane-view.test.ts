import { expect, test } from 'vitest';
import { laneViewOf } from './lane-view.ts';
import { laneView, resolve } from './webhook.fixture.ts';

test('A lane is seen as it is now', async () => {
  const view = laneView(await resolve());
  const lane = { ...view, pending: () => view.pending };
  expect(laneViewOf(lane)).toEqual(view);
});
