import { expect, it } from 'vitest'
import { within } from '../support/pace.js'
import { openAdd, openDraft, saveDraft } from './hands.js'
import { STEPWISE } from './playbooks.js'
import { createStage } from './stage.js'

const stage = createStage([STEPWISE])

it('are live, tell null from empty and missing, keep digits, and show where each came from', async () => {
  const id = await stage.run('console/stepwise', { times: 1 })
  await stage.set('4001', { live: 1 })
  const page = await stage.open('/executions/4001', { viewport: { width: 1900, height: 860 } })
  const line = page.locator('[data-variable="live"]')
  await line.waitFor()
  await stage.set('4001', { live: 2, more: 'new' })
  await page.locator('[data-variable="more"] [class*="flash"]').waitFor()
  await line.getByText('2', { exact: true }).first().waitFor()

  await page.goto(`${stage.server.url}/executions/${id}?step=start`)
  await page.locator('[data-variable="nothing"]').getByText('null').waitFor()
  await page.locator('[data-variable="blank"]').getByText('empty text').waitFor()
  const cells = page.locator('[data-variable="order"]').getByRole('cell')
  await page.locator('[data-variable="order"]').getByText('12345678901234567890').waitFor()
  expect((await cells.allTextContents()).slice(2)).toEqual(['step result', '59 B', 'start', '1', '0'])
  await page.goto(`${stage.server.url}/executions/${id}?var=never`)
  await page.getByText('it is missing, which is not the same as null').waitFor()
})

it('are filtered as one types', async () => {
  await stage.set('4006', { alpha: 'one', beta: 'two', gamma: 'onerous' })
  const page = await stage.open('/executions/4006')
  await page.locator('[data-variable="beta"]').waitFor()
  await page.getByLabel('Filter variables').fill('one')
  await page.getByText('2 of 3').waitFor()
  expect(
    await page.locator('[data-variable]').evaluateAll((rows) => rows.map((row) => row.getAttribute('data-variable'))),
  ).toEqual(['alpha', 'gamma'])
  await page.getByLabel('Filter variables').fill('nothing like it')
  await page.getByText('No variable matches').waitFor()
})

it('each part of a value is copied as value, path and expression', async () => {
  const value = { lines: [{ sku: 'a', 'odd key': 12345678901234567890n }] }
  const body = `{"variables": {"order": ${JSON.stringify(value, (_key, each) => (typeof each === 'bigint' ? '@big@' : each)).replace('"@big@"', '12345678901234567890')}}}`
  expect((await stage.server.rest('POST', '/api/vars/4005', body)).status).toBe(200)
  const page = await stage.open('/executions/4005?var=order', { permissions: ['clipboard-read', 'clipboard-write'] })
  await page.getByRole('button', { name: /0: \{ 2 keys \}/ }).click()
  const copied = async (what: string) => {
    await page.getByRole('button', { name: 'Copy vars.order/lines/0/odd key' }).click()
    await page.getByRole('menuitem', { name: what }).click()
    return page.evaluate(() => navigator.clipboard.readText())
  }
  expect(await copied('Copy the value')).toBe('12345678901234567890')
  expect(await copied('Copy the path')).toBe('/lines/0/odd key')
  expect(await copied('Copy the expression')).toBe('{{ vars.order.lines[0]["odd key"] }}')
})

it('a large value is read when it is opened, and unfolds in parts', async () => {
  await stage.set('4007', { large: Array.from({ length: 12_000 }, (_, index) => `item ${index}`) })
  const page = await stage.open('/executions/4007')
  const line = page.locator('[data-variable="large"]')
  await line.waitFor()
  expect(((await line.textContent()) ?? '').length).toBeLessThan(400)
  await line.getByRole('button').click()
  await page.getByText('[ 12,000 items ]').waitFor()
  await page.getByText('"item 99"').waitFor()
  await page.getByRole('button', { name: /11,900 more/ }).click()
  await page.getByText('"item 150"').waitFor()
})

it('an edit is checked, compared and saved; a conflict shows both values and keeps the draft', async () => {
  const id = '4002'
  await stage.set(id, { port: 80 })
  const page = await stage.open(`/executions/${id}?var=port`)
  const editor = await openDraft(page, 'port')
  await editor.fill('{"a": ')
  await page.getByText('This is not JSON').waitFor()
  expect(await page.getByRole('button', { name: 'Save', exact: true }).isDisabled()).toBe(true)
  await editor.fill('8080')
  await page.getByLabel('What would differ').waitFor()
  await stage.set(id, { port: 443 })
  await page.getByText('It changed while you were editing').waitFor()
  const both = page.getByLabel('What is there now, and your draft')
  await both.waitFor()
  expect(await both.textContent()).toMatch(/443.*8080/s)
  expect(await editor.textContent()).toBe('8080')
  await page.reload()
  await page.getByRole('tab', { name: 'Edit' }).click()
  await page.getByText('It changed while you were editing').waitFor()
  expect(await editor.textContent()).toBe('8080')
  await page.getByRole('button', { name: 'Keep my draft' }).click()
  await saveDraft(page)
  await page.getByText('Saved as revision 3').waitFor()
})

it('what the server refuses is said in place, and the draft stays', async () => {
  const id = '4008'
  await stage.set(id, { note: 'short' })
  const page = await stage.open(`/executions/${id}?var=note`)
  const editor = await openDraft(page, 'note')
  await editor.fill(JSON.stringify('x'.repeat(270_000)))
  await saveDraft(page)
  await page.getByText('It was not saved; the draft is kept').waitFor()
  await page.getByText(/Make it smaller/).waitFor()
  await editor.fill('{"__proto__": 1}')
  await saveDraft(page)
  await page
    .getByText(/__proto__/)
    .nth(1)
    .waitFor()
  expect(await editor.textContent()).toBe('{"__proto__": 1}')
  expect((await stage.server.variables(id))['note']?.value).toBe('short')
})

it('a draft outlives the end of the execution', async () => {
  const id = await stage.start('console/stepwise', { times: 500 })
  const page = await stage.open(`/executions/${id}?var=blank`)
  await page.locator('[data-variable="blank"]').waitFor({ timeout: within(30_000) })
  const editor = await openDraft(page, 'blank')
  await editor.fill('"mine"')
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('button', { name: 'Cancel the execution' }).click()
  await page.getByText('The execution has ended').waitFor()
  expect(await editor.textContent()).toBe('"mine"')
  expect(await page.getByRole('button', { name: 'Save', exact: true }).isDisabled()).toBe(true)
})

it('one is added by hand, under a name that is free and allowed', async () => {
  const id = '4009'
  await stage.set(id, { port: 80 })
  const page = await stage.open(`/executions/${id}`)
  const form = await openAdd(page)
  const add = form.getByRole('button', { name: 'Add' })
  await form.getByLabel('Name').fill('1st')
  await form.getByText('A letter or _ first').waitFor()
  await form.getByLabel('Name').fill('port')
  await form.getByText('There is one of this name').waitFor()
  await form.getByLabel('Name').fill('city')
  await form.getByLabel('Value, JSON').fill('Bern')
  await form.getByText('This is not JSON').waitFor()
  expect(await add.isDisabled()).toBe(true)
  await form.getByLabel('Value, JSON').fill('"Bern"')
  await add.click()
  await page.locator('[data-variable="city"]').getByText('"Bern"').waitFor()
  await page.waitForURL(/var=city/)
  expect((await stage.server.variables(id))['city']).toMatchObject({ value: 'Bern', type: 'user_defined' })
})

it('a deletion is undone as long as one likes', async () => {
  const id = '4010'
  await stage.set(id, { port: 8080, other: 1 })
  const page = await stage.open(`/executions/${id}?var=port`)
  await page.getByRole('tab', { name: 'Edit' }).click()
  await page.getByRole('button', { name: 'Delete' }).click()
  await page.locator('[data-variable="port"]').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'other', exact: true }).click()
  await page.getByRole('button', { name: 'Undo the deletion' }).click()
  await page.locator('[data-variable="port"]').getByText('8080').waitFor()
})

it('the history has every change, newest first, page by page, with its difference, and leads back', async () => {
  const id = '4011'
  for (let count = 1; count <= 130; count += 1) await stage.set(id, { count })
  const page = await stage.open(`/executions/${id}?var=count`)
  await page.getByRole('tab', { name: 'History' }).click()
  await page.getByText('130 changes, the newest 100 are here').waitFor()
  await page.locator('[data-revision="130"]').waitFor()
  expect(await page.locator('[data-revision="30"]').count()).toBe(0)
  await page.getByRole('button', { name: 'Show older changes' }).click()
  await page.locator('[data-revision="1"]').waitFor()
  await page.getByRole('img', { name: 'count over revisions: from 1 to 130, between 1 and 130' }).waitFor()
  await page.locator('[data-revision="7"]').getByRole('button').first().click()
  const diff = page.getByLabel('What revision 7 changed')
  await diff.waitFor()
  expect(await diff.textContent()).toMatch(/6.*7/s)
  await page.locator('[data-revision="7"]').getByText(/api:/).waitFor()
  await page.getByRole('button', { name: 'Make it this again' }).click()
  await page.locator('[data-variable="count"]').getByText('7', { exact: true }).first().waitFor()
  await page.locator('[data-revision="131"]').waitFor()
  await page.getByText('131 changes', { exact: true }).waitFor()
})
