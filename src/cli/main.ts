import { exitCode, exitMessage } from './exit.js'
import { printable } from './output.js'
import { createProgram } from './program.js'

// A reader that closes early (`| head`) is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

try {
  await createProgram().parseAsync(process.argv)
} catch (error) {
  const message = exitMessage(error)
  if (message !== '') process.stderr.write(`${printable(message)}\n`)
  process.exitCode = exitCode(error)
}
