// npm run conformance -- URL: the server's rules of docs/protocol.md against any server; TRANSIENT_KEY holds its key.
import { createBench, RULES } from './worker-protocol.js'

const [url] = process.argv.slice(2)
if (url === undefined) {
  console.error('usage: npm run conformance -- http://127.0.0.1:4000')
  process.exit(2)
}
let failures = 0
for (const rule of RULES) {
  try {
    await rule.check(await createBench(url, process.env['TRANSIENT_KEY']))
    console.info(`ok   ${rule.id.padEnd(4)} ${rule.title}`)
  } catch (error) {
    failures += 1
    console.info(`FAIL ${rule.id.padEnd(4)} ${rule.title}\n     ${error instanceof Error ? error.message : String(error)}`)
  }
}
console.info(failures === 0 ? `${RULES.length} rules hold` : `${failures} of ${RULES.length} rules do not hold`)
process.exitCode = failures === 0 ? 0 : 1
