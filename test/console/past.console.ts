import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { FAILING, STEPWISE, STUBBORN } from './playbooks.js'
import { createStage } from './stage.js'

const stage = createStage([STEPWISE, FAILING, STUBBORN])

const shownOf = (page: Page, name: string) => page.locator(`[data-variable="${name}"] [data-column="Value"]`)
const step = (page: Page, name: string) => page.locator(`[data-step="${name}"]`)

it('the whole panel goes to any revision by keyboard: graph, timeline, variables, values; and back', async () => {
  const id = await stage.run('console/stepwise', { times: 3 })
  const page = await stage.open(`/executions/${id}`)
  const slider = page.getByRole('slider', { name: 'Revision' })
  await slider.waitFor()
  expect(await slider.getAttribute('aria-valuetext')).toBe('The present, revision 4')
  await shownOf(page, 'counter').getByText('3', { exact: true }).waitFor()

  await slider.focus()
  await slider.press('Home')
  await page.getByText('The past · Revision 0 of 4').waitFor()
  await page.getByText('No variables yet').waitFor()
  await step(page, 'work').getByText('not reached').waitFor()
  await slider.press('ArrowRight')
  await slider.press('ArrowRight')
  await page.getByText('The past · Revision 2 of 4').waitFor()
  await shownOf(page, 'counter').getByText('1', { exact: true }).waitFor()
  await step(page, 'work').getByText('running · 2 visits').waitFor()
  await step(page, 'end').getByText('not reached').waitFor()
  expect(await page.getByRole('banner').getByRole('status').first().textContent()).toBe('Past')
  await page.locator('header [data-status="RUNNING"]').waitFor()

  await page.getByText('Timeline', { exact: true }).click()
  await expect.poll(() => page.getByRole('region', { name: 'Timeline of steps' }).getByRole('button').count()).toBe(3)
  await page.getByRole('button', { name: 'counter', exact: true }).click()
  await page.getByRole('tabpanel', { name: 'Value' }).getByText('1', { exact: true }).waitFor()
  await page.getByRole('tab', { name: 'Edit' }).click()
  await page.getByText('This is the past').waitFor()
  await page.getByRole('tab', { name: 'History' }).click()
  await page.locator('[data-revision="2"] [aria-current]').waitFor()
  await page.locator('[data-revision="3"]').getByRole('button').click()
  await page.getByRole('button', { name: 'See everything as of revision 3' }).click()
  await page.getByText('The past · Revision 3 of 4').waitFor()

  await page.waitForURL(/at=3/)
  await page.reload()
  await page.getByText('The past · Revision 3 of 4').waitFor()
  await shownOf(page, 'counter').getByText('2', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Back to now' }).click()
  await shownOf(page, 'counter').getByText('3', { exact: true }).waitFor()
  await page.getByText('Now, revision 4').waitFor()
  await page.waitForFunction(() => !location.search.includes('at='))
})

it('plays the history from its beginning to its end', async () => {
  const id = '6001'
  for (let count = 1; count <= 5; count += 1) await stage.set(id, { count })
  const page = await stage.open(`/executions/${id}`)
  const seen = await page.evaluate(async () => {
    const texts = new Set<string>()
    const note = () =>
      texts.add(document.querySelector('[data-variable="count"] [data-column="Value"]')?.textContent ?? 'missing')
    const button = await new Promise<HTMLElement>((resolve) => {
      const look = () => {
        const found = document.querySelector<HTMLElement>('[aria-label="Play the history"]')
        if (found && document.querySelector('[data-variable="count"]')) resolve(found)
        else requestAnimationFrame(look)
      }
      look()
    })
    new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true })
    button.click()
    await new Promise((resolve) => setTimeout(resolve, 500))
    while (document.querySelector('[aria-label="Pause"]')) await new Promise((resolve) => setTimeout(resolve, 50))
    return [...texts]
  })
  expect(seen).toEqual(expect.arrayContaining(['missing', '1', '2', '3', '4', '5']))
  await page.getByText('The past · Revision 5 of 5').waitFor()
})

it('what happens meanwhile is not lost, and does not disturb the past', async () => {
  const id = '6002'
  await stage.set(id, { port: 80 })
  await stage.set(id, { port: 81 })
  const page = await stage.open(`/executions/${id}?at=1`)
  await page.getByText('The past · Revision 1 of 2').waitFor()
  await stage.set(id, { port: 82, more: true })
  await page.getByText('The past · Revision 1 of 3').waitFor()
  await shownOf(page, 'port').getByText('80').waitFor()
  expect(await page.locator('[data-variable="more"]').count()).toBe(0)
  await page.getByRole('button', { name: 'Back to now' }).click()
  await page.locator('[data-variable="more"]').waitFor()
})

it('of a failed execution the last revision is its end; a revision beyond it is the end, too', async () => {
  const id = await stage.run('console/failing')
  const page = await stage.open(`/executions/${id}?at=99`)
  await page.getByText('The past · Revision 1 of 1').waitFor()
  await step(page, 'broken').getByText('failed').waitFor()
  await page.getByRole('slider', { name: 'Revision' }).press('Home')
  await step(page, 'broken').getByText('not reached').waitFor()
  await step(page, 'start').getByText('not reached').waitFor()
})

it('a visit of more events than one page holds ends in the past, too', async () => {
  const id = await stage.run('console/stubborn')
  const page = await stage.open(`/executions/${id}?at=1&step=flaky`)
  await page.getByText('The past · Revision 1 of 2').waitFor()
  await step(page, 'flaky').getByText('failed').waitFor()
  await step(page, 'clean').getByText('not reached').waitFor()
  await page.getByRole('region', { name: 'Why this route' }).getByText('→ clean, taken').waitFor()
})
