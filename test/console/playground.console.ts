import { expect, it } from 'vitest'
import { greet } from './playbooks.js'
import { createStage } from './stage.js'

const PATH = 'screens/greet'
const stage = createStage([greet('Hello')])

it("renders with an execution's variables, also of the past, and marks an error", async () => {
  const id = await stage.run(PATH)

  const page = await stage.open(`/playground?execution=${id}&template=${encodeURIComponent('{{ vars.greeting }}')}`)
  const result = page.getByLabel('Result', { exact: true }).last()
  await page.getByText('text, 9 characters').waitFor()
  const editor = page.getByLabel('Template', { exact: true }).last()
  await editor.fill('{{ vars.parts }}')
  await page.getByText('list of 2 items').waitFor()
  expect(await result.textContent()).toMatch(/1,\s*2/)
  await editor.fill('one\n{{ vars.parts.nope + 1 }}')
  await page
    .getByText(/at line 2, column \d+/)
    .first()
    .waitFor()
  await page.locator('.cm-lintRange-error').waitFor()
  await page.getByLabel('As of revision').fill('0')
  await editor.fill('{{ vars | length }}')
  await page.getByText('number', { exact: true }).waitFor()
  await page.waitForURL(/asOf=0/)
  expect(await page.getByLabel('Result', { exact: true }).last().textContent()).toMatch(/0$/)
})

it('takes JSON instead, and an execution that does not exist is said', async () => {
  const page = await stage.open('/playground')
  await page.getByLabel('Context, JSON').fill('{"name": ')
  await page.getByText(/The context is not JSON/).waitFor()
  await page.getByLabel('Context, JSON').fill('{"name": "Grace"}')
  await page.getByText('text, 11 characters').waitFor()
  await page.goto(`${stage.server.url}/playground?execution=4004`)
  await page.getByText('There is no such execution').waitFor()
})
