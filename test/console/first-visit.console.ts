import { expect, it } from 'vitest'
import { within } from '../support/pace.js'
import { createStage } from './stage.js'

const stage = createStage()

it('one click runs the batch example, and shows it moving to its end', async () => {
  const page = await stage.open('/')
  await page.getByText('Nothing has run here yet').waitFor()
  await page.getByRole('link', { name: 'read it first' }).waitFor()
  const clicked = performance.now()
  const sinceClick = () => Math.round(performance.now() - clicked)
  await page.getByRole('button', { name: 'Run the batch example' }).click()
  await page.waitForURL(/executions\/\d+/)
  const step = page.locator('[data-step="process_batch"]')
  await step.getByText(/running · [1-6] of 6/).waitFor({ timeout: within(30_000) })
  console.info(`moving ${sinceClick()} ms after the click`)
  await page.locator('[data-variable="processed"]').waitFor()
  await page.locator('header [data-status="COMPLETED"]').waitFor({ timeout: within(90_000) })
  console.info(`at its end ${sinceClick()} ms after the click`)
  await page.locator('[data-variable="processed"]').getByText('16', { exact: true }).first().waitFor()
  await page.locator('[data-variable="failed"]').getByText('2', { exact: true }).first().waitFor()
  await step.getByText('3 visits').waitFor()
  await page.locator('[data-step="end"]').getByText('succeeded').waitFor()
})

it('playbooks that run by themselves are one click away, the others are opened', async () => {
  const page = await stage.open('/playbooks')
  await page.getByRole('link', { name: 'examples/batch_live batch_live' }).waitFor()
  await page.goto(`${stage.server.url}/playbooks/edit?example=iterator_vars`)
  await page.getByRole('heading', { name: 'Example iterator_vars' }).waitFor()
  await page.getByText('✓ Valid').waitFor()
  expect(await page.getByRole('button', { name: 'Register' }).isEnabled()).toBe(true)
})
