/** What is shown instead of a sensitive value. */
export const MASK = '********'
