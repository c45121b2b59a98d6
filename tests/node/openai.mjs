// OpenAI's own SDK against an address: what it gets, as JSON on standard output.
import OpenAI from "openai";

const [baseURL, apiKey, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "Say something." }];

const whole = await client.chat.completions.create({ model, messages, max_tokens: 50 });

const pieces = [];
let usage = null;
const stream = await client.chat.completions.create({
  model,
  messages,
  stream: true,
  stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  pieces.push(chunk.choices[0]?.delta?.content ?? "");
  usage = chunk.usage ?? usage;
}

const tools = [
  { type: "function", function: { name: "weather", parameters: { type: "object" } } },
];
const called = await client.chat.completions.create({ model, messages, tools });

const models = [];
for await (const one of client.models.list()) models.push(one.id);

const vectors = await client.embeddings.create({ model: "hashed-words", input: ["a", "b"] });

let refused = null;
try {
  await client.chat.completions.create({ model: "ollama/none", messages });
} catch (error) {
  refused = { kind: error.constructor.name, status: error.status, code: error.code };
}

console.log(
  JSON.stringify({
    whole: whole.choices[0].message.content,
    streamed: pieces.join(""),
    pieces: pieces.filter(Boolean).length,
    usage,
    call: called.choices[0].message.tool_calls?.[0]?.function ?? null,
    models,
    dimensions: vectors.data.map((item) => item.embedding.length),
    refused,
  }),
);
