import type { Locator, Page } from 'playwright-core'

/** What several tests do on a page, as a person would. */

export async function logIn(page: Page, key: string): Promise<void> {
  await page.getByLabel('Key or JWT').fill(key)
  await page.getByRole('button', { name: 'Log in' }).click()
}

export async function logOut(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Who you are' }).click()
  await page.getByRole('button', { name: 'Log out' }).click()
}

/** The form for a new variable. */
export async function openAdd(page: Page): Promise<Locator> {
  await page.getByRole('button', { name: 'Add a variable' }).click()
  return page.getByRole('region', { name: 'Add a variable' })
}

/** The draft of a variable that is chosen. */
export async function openDraft(page: Page, name: string): Promise<Locator> {
  await page.getByRole('tab', { name: 'Edit' }).click()
  const draft = page.getByLabel(`New value of ${name}, JSON`)
  await draft.waitFor()
  return draft
}

export async function saveDraft(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Save', exact: true }).click()
}

/** Asks for a sensitive value, and confirms it. */
export async function reveal(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Reveal', exact: true }).click()
  await page.getByText('The audit keeps that you looked at it').waitFor()
  await page.getByRole('button', { name: 'Reveal it' }).click()
}

export async function addSensitive(page: Page, name: string, value: unknown): Promise<void> {
  const form = await openAdd(page)
  await form.getByLabel('Name').fill(name)
  await form.getByLabel('Value, JSON').fill(JSON.stringify(value))
  await form.getByText('Sensitive: encrypted').click()
  await form.getByRole('button', { name: 'Add' }).click()
}
