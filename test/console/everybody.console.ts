import { expect, it } from 'vitest'
import { seriousIssues } from './browser.js'
import { FAILING, greet, STEPWISE } from './playbooks.js'
import { createStage } from './stage.js'

const stage = createStage([FAILING, greet('Hello'), STEPWISE])

/** Every screen of the console. */
async function everyPlace(): Promise<string[]> {
  const [done, failed] = [await stage.run('console/stepwise', { times: 1 }), await stage.run('console/failing')]
  const playbook = 'path=screens/greet'
  return [
    '/executions',
    '/executions?status=PENDING',
    `/executions/${done}?step=work&var=order`,
    `/executions/${done}?view=timeline&at=1`,
    `/executions/${failed}`,
    '/executions/0x',
    '/playbooks',
    `/playbooks/view?${playbook}`,
    `/playbooks/edit?${playbook}`,
    `/playground?execution=${done}`,
    `/compare?left=${done}&right=${failed}&all=yes&var=order`,
    '/playbooks/no-such-page',
  ]
}

it.each(['light', 'dark'] as const)('axe-core finds nothing serious on any screen, %s', async (colorScheme) => {
  const page = await stage.open('/executions', { colorScheme, reducedMotion: 'reduce' })
  for (const place of await everyPlace()) {
    await page.goto(`${stage.server.url}${place}`)
    await page.waitForLoadState('networkidle')
    await page.getByRole('heading', { level: 1 }).waitFor()
    expect(await seriousIssues(page), place).toEqual([])
  }
})

it('on a phone nothing is wider than the screen, and nothing serious is found', async () => {
  const page = await stage.open('/executions', { viewport: { width: 390, height: 800 }, reducedMotion: 'reduce' })
  for (const place of await everyPlace()) {
    await page.goto(`${stage.server.url}${place}`)
    await page.waitForLoadState('networkidle')
    expect(await page.evaluate(() => document.documentElement.scrollWidth), place).toBeLessThanOrEqual(390)
    const places = page.getByRole('navigation', { name: 'Console' })
    expect(await places.evaluate((nav) => nav.scrollWidth - nav.clientWidth), place).toBe(0)
    for (const link of await places.getByRole('link').all()) {
      const box = await link.boundingBox()
      expect((box?.x ?? 0) + (box?.width ?? 1_000), place).toBeLessThanOrEqual(390)
    }
    expect(await seriousIssues(page), place).toEqual([])
  }
})

it('the keyboard is enough: skip link, visible focus, shortcuts that are listed and can be switched off', async () => {
  await stage.set('7100', { port: 80 })
  const page = await stage.open('/executions/7100')
  await page.locator('[data-variable="port"]').waitFor()
  await page.keyboard.press('Tab')
  const skip = page.getByRole('link', { name: 'Skip to the content' })
  expect(await skip.evaluate((link) => document.activeElement === link && link.getBoundingClientRect().left >= 0)).toBe(true)
  await page.keyboard.press('Enter')
  await page.keyboard.press('Tab')
  expect(await page.evaluate(() => document.activeElement?.closest('main') !== null)).toBe(true)
  expect(await page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle)).not.toBe('none')

  await page.keyboard.press('/')
  expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('Filter variables')
  await page.keyboard.press('Escape')
  await page.getByRole('heading', { name: 'Variables' }).click()
  await page.keyboard.press(',')
  await page.getByText('The past · Revision 0 of 1').waitFor()
  await page.keyboard.press('n')
  await page.getByText('Now, revision 1').waitFor()
  await page.keyboard.press('Shift+?')
  await page.getByRole('dialog').getByText('One revision back').waitFor()
  await page.getByRole('switch', { name: 'Single keys do this' }).press('Space')
  await page.keyboard.press('Escape')
  await page.keyboard.press('2')
  await page.waitForTimeout(300)
  expect(page.url()).toContain('/executions/7100')
})
