/** Modules of python that talk to others; a module of theirs counts, too. */
const MODULES = new Set([
  ...[
    'socket',
    'ssl',
    'http.client',
    'http.server',
    'urllib',
    'ftplib',
    'smtplib',
    'imaplib',
    'poplib',
    'telnetlib',
    'xmlrpc',
    'socketserver',
  ],
  ...['requests', 'urllib3', 'httpx', 'aiohttp', 'websocket', 'websockets', 'grpc', 'paramiko', 'boto3', 'botocore'],
  ...[
    'psycopg',
    'psycopg2',
    'asyncpg',
    'pg8000',
    'pymysql',
    'pymongo',
    'redis',
    'nats',
    'kafka',
    'pika',
    'snowflake',
    'google.cloud',
  ],
])

/** `import a, b as c`, also after a colon or a semicolon. */
const IMPORT = /(?:^|[;:])[ \t]*import[ \t]+([^;#\n\\]*(?:\\\n[^;#\n\\]*)*)/gm
/** `from a import b, c`, also in parentheses. */
const FROM = /(?:^|[;:])[ \t]*from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^;#\n\\]*(?:\\\n[^;#\n\\]*)*)/gm
const BY_NAME = /\b(?:__import__|import_module)\s*\(\s*(['"])([\w.]+)\1/g

/** Whether python code imports what needs a network, as far as its text says. */
export function usesNetwork(code: string): boolean {
  const imported = [...code.matchAll(IMPORT)].flatMap(([, names = '']) => namesIn(names))
  const from = [...code.matchAll(FROM)].flatMap(([, module = '', names = '']) =>
    namesIn(names.replace(/[()]|#.*$/gm, '')).map((name) => `${module}.${name}`),
  )
  const byName = [...code.matchAll(BY_NAME)].map(([, , name = '']) => name)
  return [...imported, ...from, ...byName].some(isOfNetwork)
}

/** `a.b` of `a.b as c`. */
function namesIn(list: string): string[] {
  return list.split(',').map((one) => one.replace(/\\/g, ' ').trim().split(/\s/)[0] ?? '')
}

function isOfNetwork(name: string): boolean {
  const parts = name.split('.')
  return parts.some((_, index) => MODULES.has(parts.slice(0, index + 1).join('.')))
}
