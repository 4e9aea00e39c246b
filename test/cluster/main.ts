import { startControlPlane } from './control-plane.ts';
import { untilInterrupted } from './interrupt.ts';
import { startNats } from './nats.ts';

// `npm run cluster`: the parts alone, for trying things by hand.
const nats = await startNats();
const controlPlane = await startControlPlane();
// Up to here Ctrl-C simply ends this process, and the parts with it.
const interrupted = untilInterrupted();
console.log(`
etcd, kube-apiserver and NATS run on loopback until Ctrl-C; what they store goes with them.

  export KUBECONFIG=${controlPlane.kubeconfig}
  export NATS_URL=${nats.url}
  export PATH=${controlPlane.tools}:$PATH      # kubectl, helm

  API server      ${controlPlane.url}    (log: ${controlPlane.apiServer.logFile})
  NATS monitoring ${nats.monitorUrl}     (log: ${nats.logFile})
`);
await interrupted;
await controlPlane.stop();
await nats.stop();
