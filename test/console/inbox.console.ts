import { expect, it } from 'vitest'
import { createStage } from './stage.js'

const stage = createStage([
  `apiVersion: noetl.io/v1
kind: Playbook
metadata: {name: payment, path: console/payment}
workload: {amount: 1200}
workflow:
- step: approval
  wait:
    until: "{{ vars.approved is defined }}"
    timeout: 86400
    ask:
      title: "Pay {{ workload.amount }} EUR?"
      roles: [editor]
      form:
        type: object
        required: [approved, reason]
        properties:
          approved: {type: boolean, title: Approve it, description: It is paid at once}
          reason: {type: string, minLength: 3}
          priority: {enum: [low, high], default: low}
`,
  `apiVersion: noetl.io/v1
kind: Playbook
metadata: {name: bare, path: console/bare}
workflow:
- step: rate
  wait: {until: "{{ vars.rate is defined }}", ask: {title: Which rate?}}
`,
])

const ended = (id: string) => stage.server.untilEnded(id)
const read = async (id: string) => (await stage.server.rest('GET', `/api/vars/${id}`)).body

it('questions appear as they are asked, are answered by the keyboard, and what is wrong is said at its field', async () => {
  const page = await stage.open('/inbox')
  await page.getByText('Nobody is asked anything').waitFor()
  const id = await stage.start('console/payment')
  const question = page.getByRole('article', { name: 'Pay 1200 EUR?' })
  await question.waitFor()
  expect(await question.textContent()).toContain('for editor or above')
  // Its first field is reached by the keyboard alone: the link to the execution is before it.
  await question.getByRole('link', { name: id }).focus()
  await page.keyboard.press('Tab')
  await page.keyboard.press('Space')
  await page.keyboard.press('Tab')
  await page.keyboard.type('ok')
  await page.keyboard.press('Enter')
  await question.getByText('It was not answered').waitFor()
  expect(await question.getByLabel('reason').getAttribute('aria-invalid')).toBe('true')
  await question.getByLabel('reason').fill('agreed')
  await page.keyboard.press('Enter')
  await ended(id)
  await question.waitFor({ state: 'detached' })
  await page.getByText('Nobody is asked anything').waitFor()
  expect(await read(id)).toMatchObject({
    variables: { approved: { value: true }, reason: { value: 'agreed' }, priority: { value: 'low' } },
  })
})

it('a question without a form takes JSON, on a phone', async () => {
  const id = await stage.start('console/bare')
  const page = await stage.open('/inbox', { viewport: { width: 390, height: 800 }, colorScheme: 'dark' })
  const question = page.getByRole('article', { name: 'Which rate?' })
  await question.getByLabel('rate').fill('{"vat": 1.19}')
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
  await question.getByRole('button', { name: 'Answer' }).click()
  await ended(id)
  expect(await read(id)).toMatchObject({ variables: { rate: { value: { vat: 1.19 } } } })
})
