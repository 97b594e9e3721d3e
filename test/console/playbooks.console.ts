import { expect, it } from 'vitest'
import { greet, STEPWISE } from './playbooks.js'
import { createStage } from './stage.js'

const stage = createStage([greet('Hello'), STEPWISE])

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

it('start on the page of an older version starts that one', async () => {
  for (const times of [3, 4]) await stage.server.register(STEPWISE.replace('times: 2', `times: ${times}`))
  const page = await stage.open('/playbooks/view?path=console/stepwise&version=1')
  await page.getByText('version 1, registered').waitFor()
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('version 1; the latest is 3').waitFor()
  expect(await dialog.getByLabel('times').inputValue()).toBe('2')
  await dialog.getByRole('button', { name: 'Start' }).click()
  await page.waitForURL(/executions\/\d+/)
  const id = /executions\/(\d+)/.exec(page.url())?.[1] ?? ''
  const { execution } = await stage.server.query<{ execution: { playbook: { version: number } } }>(
    `{ execution(id: "${id}") { playbook { version } } }`,
  )
  expect(execution.playbook.version).toBe(1)
})

it("somebody else's version is overwritten only by who has seen what differs", async () => {
  const path = 'shared/by_two'
  const mine = (word: string) => greet(word).replaceAll('screens/greet', path)
  await stage.server.register(mine('One'))
  const page = await stage.open(`/playbooks/edit?path=${path}`)
  await page.getByText('✓ Valid').waitFor()
  await page.getByLabel('Playbook', { exact: true }).fill(mine('Mine'))
  await stage.server.register(mine('Theirs'))
  const versions = async () => {
    const { playbookVersions } = await stage.server.query<{ playbookVersions: { totalCount: number } }>(
      `{ playbookVersions(path: "${path}") { totalCount } }`,
    )
    return playbookVersions.totalCount
  }
  await page.getByRole('button', { name: 'Register' }).click()
  const dialog = page.getByRole('dialog', { name: `${path} has a version 2 that your draft does not know` })
  await dialog.getByText('Theirs').first().waitFor()
  expect(await versions()).toBe(2)
  await dialog.getByRole('button', { name: 'Go on editing' }).click()
  await dialog.waitFor({ state: 'detached' })
  expect(await page.getByLabel('Playbook', { exact: true }).textContent()).toContain('Mine')
  await page.getByRole('button', { name: 'Register' }).click()
  await dialog.getByRole('button', { name: 'Register over version 2' }).click()
  await page.getByText('version 3, registered').waitFor()

  // A new playbook whose path is taken, and an older version that is begun with: the same.
  await page.goto(`${stage.server.url}/playbooks/edit`)
  await page.getByText('✓ Valid').waitFor()
  await page.getByLabel('Playbook', { exact: true }).fill(mine('New'))
  await page.getByRole('button', { name: 'Register' }).click()
  await page.getByRole('dialog').getByText('Your draft began as a new playbook.').waitFor()
  await page.goto(`${stage.server.url}/playbooks/edit?path=${path}&version=1`)
  await page.getByText('Your draft began with version 1').waitFor()
  await page.getByLabel('Playbook', { exact: true }).fill(mine('Old'))
  await page.getByRole('button', { name: 'Register' }).click()
  await page.getByRole('dialog').getByText('Your draft began with version 1').waitFor()
  expect(await versions()).toBe(3)
})

it('Enter indents as the line before it asks for', async () => {
  const page = await stage.open('/playbooks/edit')
  const editor = page.getByLabel('Playbook', { exact: true })
  await editor.fill('')
  const lines = ['workflow:', '- step: start', 'vars:', 'total: 1']
  for (const line of lines) await page.keyboard.type(`${line}\n`)
  expect(await editor.locator('.cm-line').allTextContents()).toEqual([
    'workflow:',
    '  - step: start',
    '    vars:',
    '      total: 1',
    '      ',
  ])
  await editor.fill('')
  for (const line of ['- step: code', 'code: |', 'def main():', 'return 1']) await page.keyboard.type(`${line}\n`)
  expect(await editor.locator('.cm-line').allTextContents()).toEqual([
    '- step: code',
    '  code: |',
    '    def main():',
    '        return 1',
    '        ',
  ])
})
