export { createContext, type TemplateContext, toPlainContext } from './context.js'
export { EvaluationTimeout } from './faults.js'
export { referencesOf } from './references.js'
export { type Rename, type Replacement, renameReferences } from './rename.js'
export { evaluateCondition, renderTemplate, renderText, renderTree } from './render.js'
export { createBudget } from './run.js'
export { sensitiveReads, sensitiveReadsOfCondition } from './sensitive.js'
export { isMarkedSql, splitTemplate, type TemplatePart } from './split.js'
export { compileCondition, compileTemplate, type Template } from './template.js'
export {
  type Budget,
  type ContextLayers,
  type ContextValue,
  type EvaluationLimits,
  type References,
  type SensitiveNames,
  StepValue,
} from './types.js'
