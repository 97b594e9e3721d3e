import { expect, it } from 'vitest'
import { greet } from './playbooks.js'
import { createStage } from './stage.js'

const stage = createStage([greet('Hello')])

it('a draft is checked at its lines, kept over a reload, and becomes the next version', async () => {
  const page = await stage.open('/playbooks')
  await page.getByRole('link', { name: 'Edit screens/greet' }).click()
  const editor = page.getByLabel('Playbook', { exact: true })
  await page.getByText('✓ Valid').waitFor()
  await editor.fill(greet('Hello').replace('next: end', 'next: nowhere'))
  await page.getByText(/^1 error/).waitFor()
  expect(await page.getByRole('button', { name: 'Register' }).isDisabled()).toBe(true)
  await page.getByRole('button', { name: /error · line 13/ }).click()
  expect(await page.locator('.cm-activeLine').textContent()).toContain('nowhere')
  await page.reload()
  await page.getByText('A draft, kept in this tab').waitFor()
  await page.getByText(/^1 error/).waitFor()
  await editor.fill(greet('Good day'))
  await page.getByText('✓ Valid').waitFor()
  await page.getByText('Changes to version 1').click()
  await page.locator('.cm-deletedChunk').first().waitFor()
  await page.getByRole('button', { name: 'Register' }).click()
  await page.getByText('version 2, registered').waitFor()
  await page.getByRole('link', { name: 'Changes of version 2' }).click()
  await page.waitForURL(/version=2&against=1/)
  expect(await page.locator('.cm-deletedChunk').first().textContent()).toContain('Hello')
  expect(await page.evaluate(() => Object.keys(sessionStorage).filter((key) => key.includes('draft')))).toEqual([])
})

it('what the server refuses is said in place, and the draft stays', async () => {
  const page = await stage.open('/playbooks/edit?path=screens/greet')
  const editor = page.getByLabel('Playbook', { exact: true })
  await page.getByText('✓ Valid').waitFor()
  const refusal = { code: 'FORBIDDEN', right: 'register' }
  await page.route('**/graphql', async (route) => {
    if (!route.request().postData()?.includes('mutation Register')) return route.continue()
    await route.fulfill({ json: { errors: [{ message: 'it needs the right "register"', extensions: refusal }] } })
  })
  await editor.fill(greet('Kept'))
  await page.getByRole('button', { name: 'Register' }).click()
  await page.getByText('It was not registered; your draft is kept').waitFor()
  expect(await editor.textContent()).toContain('Kept')
})

it('a playbook that does not exist says what to do', async () => {
  const page = await stage.open('/playbooks/view?path=no/such')
  await page.getByText('There is no such playbook').waitFor()
  await page.getByRole('link', { name: 'See what there is' }).click()
  await page.getByRole('heading', { name: 'Playbooks' }).waitFor()
})
