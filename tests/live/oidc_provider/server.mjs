// An oidc-provider on loopback for the scenarios: registration and its management, tokens that every PUT replaces.
// Argument: the folder with node_modules. It says its port when it is ready, and ends with its standard input.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

const [folder] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(folder), 'index.js'));
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')).href);

const stores = new Map();
const of = (model) => stores.get(model) ?? stores.set(model, new Map()).get(model);

class Memory {
  constructor(model) { this.kept = of(model); }
  async upsert(id, payload) { this.kept.set(id, payload); }
  async find(id) { return this.kept.get(id); }
  async findByUid(uid) { return [...this.kept.values()].find((each) => each.uid === uid); }
  async findByUserCode(code) { return [...this.kept.values()].find((each) => each.userCode === code); }
  async destroy(id) { this.kept.delete(id); }
  async consume(id) { this.kept.get(id).consumed = Math.floor(Date.now() / 1000); }
  async revokeByGrantId() {}
}

// The issuer has the port in it, so the port is taken first.
const server = createServer();
await new Promise((listening) => { server.listen(0, '127.0.0.1', listening); });
const { port } = server.address();
const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  adapter: Memory,
  cookies: { keys: ['loopback only'] },
  scopes: ['openid', 'offline_access', 'profile', 'email'],
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none'],
  // the key sets that the tests serve are on loopback, which its own fetch refuses
  fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined }),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    registration: { enabled: true, initialAccessToken: 'let-me-register' },
    registrationManagement: { enabled: process.env.MANAGEMENT !== 'off', rotateRegistrationAccessToken: true },
  },
});

const control = {
  ids: () => [...of('Client').keys()],
  change: ({ client_id, client_name }) => { of('Client').get(client_id).client_name = client_name; },
  mark: ({ client_id }) => { of('Client').get(client_id).initiate_login_uri = 'https://portal.example.org/by-hand'; },
  is_marked: ({ client_id }) => of('Client').get(client_id).initiate_login_uri === 'https://portal.example.org/by-hand',
  remove: ({ client_id }) => { of('Client').delete(client_id); },
  end: ({ client_id }) => {
    for (const [id, token] of of('RegistrationAccessToken')) {
      if (token.clientId === client_id) of('RegistrationAccessToken').delete(id);
    }
  },
};

provider.use(async (ctx, next) => {
  const name = ctx.path.startsWith('/control/') ? ctx.path.slice(9) : undefined;
  if (name) {
    ctx.body = { found: control[name](Object.fromEntries(new URLSearchParams(ctx.querystring))) ?? null };
    return;
  }
  await next();
});

server.on('request', provider.callback());
console.log(port);
process.stdin.on('end', () => process.exit(0)).resume();
