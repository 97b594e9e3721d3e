import { expect, it } from 'vitest'
import { seriousIssues } from './browser.js'
import { FAILING, greet, LOOPS, STEPWISE } from './playbooks.js'
import { createStage } from './stage.js'

const stage = createStage([FAILING, greet('Hello'), LOOPS, STEPWISE])

/** Every screen of the console. */
async function everyPlace(): Promise<string[]> {
  const [done, failed] = [await stage.run('console/stepwise', { times: 1 }), await stage.run('console/failing')]
  const playbook = 'path=screens/greet'
  await stage.server.rest('PUT', '/api/schedules/nightly', {
    path: 'console/stepwise',
    cron: '30 2 * * *',
    time_zone: 'Europe/Berlin',
  })
  await stage.server.rest('POST', '/api/globals/team%2Fprod', { variables: { rate: 1.19 } })
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
    '/schedules',
    '/inbox',
    '/globals',
    '/globals/team/prod?var=rate',
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

it('every button of every dialog has a name', async () => {
  const [running, failed] = [await stage.start('console/stepwise', { times: 500 }), await stage.run('console/failing')]
  const dialogs = [
    ['/executions', 'Start', 'Start an execution'],
    [`/executions/${running}`, 'Cancel', 'Cancel this execution?'],
    [`/executions/${failed}`, 'Rerun', 'Rerun as a new execution'],
    ['/playbooks', 'Keyboard shortcuts', 'Keyboard shortcuts'],
  ] as const
  const page = await stage.open('/executions', { reducedMotion: 'reduce' })
  for (const [path, button, title] of dialogs) {
    await page.goto(`${stage.server.url}${path}`)
    await page.getByRole('button', { name: button, exact: true }).click()
    const dialog = page.getByRole('dialog', { name: title })
    await dialog.waitFor()
    // What the dialog loads may still be on its way; a page that shows a running execution is never without requests.
    await expect.poll(() => seriousIssues(page), { message: title }).toEqual([])
    await dialog.getByRole('button', { name: 'Close', exact: true }).click()
    await dialog.waitFor({ state: 'detached' })
  }
  await stage.server.query(`mutation { cancelExecution(id: "${running}") { id } }`)
})

it('nothing moves for who has asked for that', async () => {
  const id = await stage.start('console/stepwise', { times: 500 })
  const page = await stage.open(`/executions/${id}`, { reducedMotion: 'reduce' })
  await page.locator('[data-step="work"]').getByText('running').waitFor()
  /** What goes on by itself, or takes longer than one sees. */
  const moving = () =>
    page.evaluate(() =>
      document.getAnimations().flatMap((animation) => {
        const { duration, iterations } = animation.effect?.getComputedTiming() ?? {}
        return Number(duration) > 1 || iterations === Number.POSITIVE_INFINITY
          ? [`${animation.constructor.name} ${duration}`]
          : []
      }),
    )
  for (const place of ['', '?view=timeline', '?step=work&var=counter']) {
    await page.goto(`${stage.server.url}/executions/${id}${place}`)
    await page.locator('[data-variable="counter"]').waitFor()
    await page.waitForTimeout(500)
    expect(await moving(), place).toEqual([])
  }
  await page.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('dialog').waitFor()
  expect(await moving()).toEqual([])
  await page.getByRole('button', { name: 'Cancel the execution' }).click()
})

it('where the system chooses the colours, states still differ by their words and borders', async () => {
  const id = await stage.run('console/loops')
  const page = await stage.open(`/executions/${id}?step=none`, { forcedColors: 'active' })
  await page.locator('[data-step="none"]').getByText('0 of 3').waitFor()
  const border = (selector: string) =>
    page
      .locator(selector)
      .first()
      .evaluate((part) => getComputedStyle(part).borderTopStyle)
  expect(await border('header [data-status]')).toBe('solid')
  expect(await border('[data-status="FAILED"]')).toBe('solid')
  expect(await page.locator('[data-step="none"]').evaluate((part) => getComputedStyle(part).outlineStyle)).toBe('solid')
})

/** A screen of 1440 by 900, of 1920 by 1040 and of 1280 by 720, twice as large. */
it.each([
  [720, 450],
  [960, 520],
  [640, 360],
])('at 200 % zoom, $0 × $1, parts neither overlap nor lose their height', async (width, height) => {
  const page = await stage.open('/executions', { viewport: { width, height }, reducedMotion: 'reduce' })
  for (const place of await everyPlace()) {
    await page.goto(`${stage.server.url}${place}`)
    await page.waitForLoadState('networkidle')
    expect(await page.evaluate(() => document.documentElement.scrollWidth), place).toBeLessThanOrEqual(width)
    const overlapping = await page.evaluate(() => {
      const box = (part: Element) => part.getBoundingClientRect()
      const meet = (a: DOMRect, b: DOMRect) =>
        Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2
      const parts = [...document.querySelectorAll('main .panel, main h1, header nav a, header [title], header button')]
      return parts.flatMap((one, index) =>
        parts
          .slice(index + 1)
          .filter((other) => !one.contains(other) && !other.contains(one) && meet(box(one), box(other)))
          .map((other) => `${one.outerHTML.slice(0, 80)} over ${other.outerHTML.slice(0, 80)}`),
      )
    })
    expect(overlapping, place).toEqual([])
    const low = await page.evaluate(() =>
      [...document.querySelectorAll('main section.panel:not([aria-label="Time"])')]
        .filter((panel) => panel.getBoundingClientRect().height < 40)
        .map((panel) => panel.getAttribute('aria-label')),
    )
    expect(low, place).toEqual([])
  }
})
