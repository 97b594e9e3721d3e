/** What the server shows in the place of a sensitive value; written back, it stands for the value that is there. */
export const MASK = '********'
