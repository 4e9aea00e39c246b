import { messageOf } from '../../src/errors.ts';

// `npm run receiver -- fail` and `npm run receiver -- ok`: what the example receiver of `npm start` answers from now on.
const url = process.env['RECEIVER_URL'] ?? 'http://127.0.0.1:8787';
const [command] = process.argv.slice(2);
if (command !== 'fail' && command !== 'ok') {
  console.error(
    'usage: npm run receiver -- fail|ok    (RECEIVER_URL names the receiver, by default http://127.0.0.1:8787)',
  );
  process.exit(2);
}
try {
  const response = await fetch(`${url}/${command}`, { method: 'POST', signal: AbortSignal.timeout(5000) });
  if (!response.ok) throw new Error(`it answered HTTP ${response.status}`);
  console.log(`The receiver answers ${command === 'fail' ? 500 : 200} from now on.`);
} catch (error) {
  console.error(`No example receiver at ${url}; "npm start" runs one: ${messageOf(error)}`);
  process.exitCode = 1;
}
