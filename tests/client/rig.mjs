// SPDX-License-Identifier: Apache-2.0
//
// rig.mjs - a redis-server, the stub upstream and chatgate on free ports, for
// as long as the calling process lives (and no longer: see start()).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const deadlineMs = 20_000;

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

// setpriv has the kernel end the child when this process ends, however it does.
function start(name, argv, log) {
  const out = fs.openSync(log, 'a');
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !key.startsWith('CHATGATE_')),
  );
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...argv], {
    stdio: ['ignore', out, out],
    env,
  });
  fs.closeSync(out);
  child.on('error', (error) => fs.appendFileSync(log, `${name}: ${error.message}\n`));
  return { name, child, log };
}

async function waitFor(part, pattern) {
  const until = Date.now() + deadlineMs;
  while (Date.now() < until) {
    const text = fs.readFileSync(part.log, 'utf8');
    const found = text.match(pattern);
    if (found) return found;
    if (part.child.exitCode !== null) break;
    await sleep(10);
  }
  throw new Error(`${part.name} did not start:\n${fs.readFileSync(part.log, 'utf8')}`);
}

async function stop(part) {
  const ended = once(part.child, 'exit');
  part.child.kill('SIGTERM');
  const timer = setTimeout(() => part.child.kill('SIGKILL'), deadlineMs);
  const [code, signal] = await ended;
  clearTimeout(timer);
  return signal ?? code;
}

export async function startRig({ source, build, policy }) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'chatgate-client.'));
  const file = (name) => path.join(dir, name);
  process.on('exit', () => fs.rmSync(dir, { recursive: true, force: true }));

  const redisPort = await freePort();
  const redis = start('redis-server', ['redis-server', '--port', `${redisPort}`,
    '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir], file('redis.log'));
  await waitFor(redis, /Ready to accept connections/);

  const stub = start('stub', [path.join(build, 'tests/stub/stub')], file('stub.log'));
  const [, stubPort] = await waitFor(stub, /stub\.bound address=127\.0\.0\.1:(\d+)/);

  fs.mkdirSync(file('policies'));
  fs.copyFileSync(path.join(source, 'policies/chats-v3.json'), file('policies/chats-v3.json'));
  fs.writeFileSync(file('policies/test.policy.json'), JSON.stringify(policy));
  fs.writeFileSync(file('chatgate.json'), JSON.stringify({
    listen: ['127.0.0.1:0'],
    admin: { listen: '127.0.0.1:0' },
    policies: file('policies'),
    upstream: { url: `http://127.0.0.1:${stubPort}` },
    redis: { url: `redis://127.0.0.1:${redisPort}`, timeout: '2s' }, // busy machines, too
    audit: { file: file('audit.jsonl') },
  }));
  const gateway = start('chatgate',
    [path.join(build, 'chatgate'), 'serve', '-c', file('chatgate.json')], file('gateway.log'));
  const [, port] = await waitFor(gateway, /listener\.bound address=127\.0\.0\.1:(\d+)/);

  return {
    url: `http://127.0.0.1:${port}`,
    async stubLog() {
      return (await fetch(`http://127.0.0.1:${stubPort}/_stub/log`)).json();
    },
    audit() {
      return fs.readFileSync(file('audit.jsonl'), 'utf8').trimEnd().split('\n')
        .map((line) => JSON.parse(line));
    },
    gatewayLog() {
      return fs.readFileSync(file('gateway.log'), 'utf8');
    },
    // The gateway's exit status.
    async stop() {
      const status = await stop(gateway);
      await stop(stub);
      await stop(redis);
      return status;
    },
  };
}
