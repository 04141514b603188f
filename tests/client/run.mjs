// SPDX-License-Identifier: Apache-2.0
//
// run.mjs - the API's published client, pointed at chatgate.
//
// Needs TOP_SRCDIR and TOP_BUILDDIR. Prints a line a check and ends with
// status 1 if one failed.
import assert from 'node:assert/strict';

import Linq from '@linqapp/sdk';

import { startRig } from './rig.mjs';

const me = '+14155550100'; // an ordinary sender
const poor = '+14155550177'; // may send twice
const hasty = '+14155550178'; // gets a token every quarter of a second

const limit = (name, sender, capacity, refill) => ({
  name,
  per: ['sender'],
  capacity: 1000,
  refill: '1000/s',
  overrides: { [sender]: { capacity, refill } },
});

const rig = await startRig({
  source: process.env.TOP_SRCDIR,
  build: process.env.TOP_BUILDDIR,
  policy: {
    name: 'client-test',
    limits: [limit('few', poor, 2, '0/s'), limit('slow', hasty, 1, '4/s')],
  },
});
const client = new Linq({ apiKey: 'client-test-key', baseURL: rig.url, maxRetries: 0 });
const text = (value) => ({ type: 'text', value });
const media = { type: 'media', url: 'https://example.com/photo.jpg' };
const chatOf = (from, value = 'Hello') =>
  ({ from, to: ['+14155550199'], message: { parts: [text(value)] } });

let failed = 0;
let passed = 0;
async function check(name, run) {
  try {
    await run();
    passed += 1;
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok ${name}\n${error.stack}`);
  }
}

async function failureOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: 'the call went through' });
}

// Status and body of a call, and that it shows one and the same trace_id.
async function call(promise, status) {
  const { data, response } = await promise.withResponse();
  assert.equal(response.status, status);
  assert.match(response.headers.get('x-trace-id'), /^[0-9a-f]{32}$/);
  assert.ok(response.headers.get('x-request-id'));
  if (data?.trace_id) assert.equal(data.trace_id, response.headers.get('x-trace-id'));
  return data;
}

let chat;
await check('chats.create', async () => {
  const created = await call(client.chats.create({
    ...chatOf(me),
    to: ['+14155550199', 'someone@example.com'],
    message: {
      parts: [
        { ...text('Hello 👋 wörld'), text_decorations: [{ range: [0, 5], style: 'bold' }] },
        media,
        text('again'),
      ],
      effect: { type: 'screen', name: 'confetti' },
      idempotency_key: 'client-test-1',
    },
  }), 201);
  chat = created.chat.id;
  assert.equal(created.chat.message.parts[0].value, 'Hello 👋 wörld');
});
await check('chats.listChats', async () => {
  const page = await call(client.chats.listChats({ from: me, limit: 10 }), 200);
  assert.deepEqual(page.chats.map((c) => c.id), [chat]);
});
await check('chats.retrieve', async () =>
  assert.equal((await call(client.chats.retrieve(chat), 200)).id, chat));
await check('chats.update', async () =>
  assert.equal((await call(client.chats.update(chat, { display_name: 'Team' }), 200)).chat_id, chat));
await check('chats.messages.send', async () => {
  const sent = await call(client.chats.messages.send(chat, { message: { parts: [text('two')] } }), 202);
  assert.equal(sent.chat_id, chat);
});
await check('chats.messages.list', async () => {
  const values = [];
  for await (const message of client.chats.messages.list(chat, { limit: 1 }))
    values.push(message.parts[0].value);
  assert.deepEqual(values, ['two', 'Hello 👋 wörld']);
});
await check('chats.participants.add', () =>
  call(client.chats.participants.add(chat, { handle: '+14155550155' }), 202));
await check('chats.participants.remove', () =>
  call(client.chats.participants.remove(chat, { handle: '+14155550155' }), 202));
await check('chats.typing.start', () => call(client.chats.typing.start(chat), 204));
await check('chats.typing.stop', () => call(client.chats.typing.stop(chat), 204));
await check('chats.markAsRead', () => call(client.chats.markAsRead(chat), 204));
await check('chats.shareContactCard', () => call(client.chats.shareContactCard(chat), 204));
await check('chats.sendVoicememo', async () => {
  const memo = await call(client.chats.sendVoicememo(chat,
    { voice_memo_url: 'https://example.com/memo.m4a' }), 202);
  assert.equal(memo.voice_memo.from, me);
});
await check('chats.leaveChat', () => call(client.chats.leaveChat(chat), 202));

await check('every trace_id is in the audit file, next to the from-number', async () => {
  const { entries, malformed } = await rig.stubLog();
  const lines = new Map(rig.audit().map((line) => [line.trace_id, line]));
  assert.equal(malformed, 0);
  assert.equal(entries.length, 15); // 14 calls, one list of two pages
  for (const entry of entries) {
    const line = lines.get(entry.trace_id);
    assert.ok(line, `no audit line for ${entry.method} ${entry.target}`);
    assert.equal(line.from, me, `${entry.method} ${entry.target}`);
    assert.equal(line.upstream_status, entry.status);
    assert.equal(line.decision, 'forwarded');
  }
  assert.equal(new Set(rig.audit().map((line) => line.operation)).size, 14);
});

await check('two texts in a row are a BadRequestError that says where', async () => {
  const before = (await rig.stubLog()).delivered;
  const body = chatOf(me);
  body.message.parts = [text('one'), text('two')];
  const error = await failureOf(client.chats.create(body));
  assert.ok(error instanceof Linq.BadRequestError, error.constructor.name);
  assert.equal(error.error.error.code, 1002);
  assert.equal(error.error.success, false);
  assert.deepEqual(error.error.error.violations.map((v) => [v.pointer, v.rule]),
    [['/message/parts/1', 'parts.adjacent']]);
  assert.match(error.error.trace_id, /^[0-9a-f]{32}$/);
  assert.equal((await rig.stubLog()).delivered, before);
});

await check('the call beyond the bucket is a RateLimitError with retry-after', async () => {
  const first = await client.chats.create(chatOf(poor));
  await client.chats.messages.send(first.chat.id, { message: { parts: [text('two')] } });
  const before = (await rig.stubLog()).delivered;
  const error = await failureOf(client.chats.create(chatOf(poor)));
  assert.ok(error instanceof Linq.RateLimitError, error.constructor.name);
  assert.equal(error.error.error.code, 4001);
  assert.equal(error.headers.get('retry-after'), '86400');
  assert.equal(error.headers.get('retry-after-ms'), '86400000');
  assert.equal(error.error.error.violations[0].rule, 'limit.client-test.few');
  assert.equal((await rig.stubLog()).delivered, before);
  await client.chats.create(chatOf(me)); // others are not affected
});

await check('the client comes back when it was told to', async () => {
  const patient = client.withOptions({ maxRetries: 2 });
  await patient.chats.create(chatOf(hasty));
  await patient.chats.create(chatOf(hasty, 'again'));
  const decisions = rig.audit().filter((line) => line.from === hasty).map((line) => line.decision);
  assert.deepEqual(decisions.filter((d) => d === 'forwarded').length, 2);
  assert.ok(decisions.includes('limited'), 'it was never limited');
});

await check('a send whose outcome is unknown is not sent again', async () => {
  const before = (await rig.stubLog()).delivered;
  const error = await failureOf(client.chats.create(chatOf(me), {
    maxRetries: 2,
    headers: { 'X-Stub-Fault': 'drop_after_read' },
  }));
  assert.equal(error.status, 502);
  assert.equal(error.headers.get('x-should-retry'), 'false');
  assert.equal((await rig.stubLog()).delivered, before + 1);
});

await check('an unknown chat is a NotFoundError', async () => {
  const error = await failureOf(client.chats.retrieve('00000000-0000-4000-8000-000000000000'));
  assert.ok(error instanceof Linq.NotFoundError, error.constructor.name);
});

if (failed) console.log(`--- chatgate said:\n${rig.gatewayLog()}---`);
await check('chatgate ends with status 0', async () => assert.equal(await rig.stop(), 0));
console.log(`client: ${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
