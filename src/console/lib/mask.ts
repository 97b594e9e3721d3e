/** What the server shows instead of a sensitive value; written back, it stands for the value that is there. */
export const MASK = '********'
