/** What is shown in the place of a sensitive value. */
export const MASK = '********'
