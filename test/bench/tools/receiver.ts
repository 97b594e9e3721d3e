import { createServer } from 'node:http'

/** A local server that answers every request with a small object: prints its port through the channel to its parent. */
const server = createServer((_request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end('{"ok":true,"items":[1,2,3]}')
})
server.listen(0, '127.0.0.1', () => process.send?.(server.address()))
process.once('disconnect', () => process.exit(0))
