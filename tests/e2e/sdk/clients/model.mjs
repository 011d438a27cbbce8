// A language model for opencode, on loopback: it answers each turn as a script says. The first turns
// call tools, each with what the next of `calls` gives; the last one says what the tools gave.

import { createServer } from 'node:http';

export class Model {
  /** @param calls [tool, arguments] in order; a function is awaited first and gives such a pair */
  constructor(context, calls) {
    this.calls = calls;
    this.turns = 0;
    this.results = [];
    this.tools = [];  // what was offered, at each turn
    this.server = createServer((request, response) => this.answer(request, response));
    context.onDispose(() => {
      this.server.closeAllConnections();
      return new Promise((done) => this.server.close(done));
    });
  }

  async listen() {
    await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
    return this;
  }

  /** opencode's settings that make it the only one. */
  get config() {
    return {
      model: 'scripted/model',
      small_model: 'scripted/model',
      enabled_providers: ['scripted'],
      provider: {
        scripted: {
          npm: '@ai-sdk/openai-compatible',
          options: { baseURL: `http://127.0.0.1:${this.server.address().port}/v1`, apiKey: 'none' },
          models: { model: { tool_call: true } },
        },
      },
    };
  }

  async answer(request, response) {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { messages, tools } = JSON.parse(body);
    const delta = tools?.length > 0 ? await this.turn(messages, tools) : { content: 'a title' };
    const chunk = (more) => `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', model: 'model', ...more })}\n\n`;
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write(chunk({ choices: [{ index: 0, delta: { role: 'assistant', ...delta } }] }));
    const reason = delta.tool_calls ? 'tool_calls' : 'stop';
    response.write(chunk({ choices: [{ index: 0, delta: {}, finish_reason: reason }] }));
    response.end('data: [DONE]\n\n');
  }

  async turn(messages, tools) {
    this.tools.push(tools.map((tool) => tool.function.name));
    const last = messages.at(-1);
    if (last.role === 'tool') this.results.push(last.content);
    const next = this.calls[this.turns++];
    if (!next) return { content: `the tools gave: ${this.results.join(', ')}` };
    const [name, args] = typeof next === 'function' ? await next() : next;
    const call = { name, arguments: JSON.stringify(args) };
    return { tool_calls: [{ index: 0, id: `call-${this.turns}`, type: 'function', function: call }] };
  }
}
