export { convertPlaybook } from './convert.js'
export { checkPlaybook, type ParseOptions, parsePlaybook } from './parse.js'
