/** Answers each request of the parent with how long the work took, and what it cost this process; `end` cleans up when the parent is gone. */
export function serve(work, end = async () => undefined) {
  process.on('message', async (request) => {
    const cpu = process.cpuUsage()
    const began = performance.now()
    await work(request)
    const seconds = (performance.now() - began) / 1000
    const used = process.cpuUsage(cpu)
    process.send({ seconds, cpuSeconds: (used.user + used.system) / 1e6, rss: process.memoryUsage.rss() })
  })
  process.on('disconnect', async () => {
    await end()
    process.exit(0)
  })
  process.send('ready')
}
