// Evaluates the expressions of ValidatingAdmissionPolicies, as the API server does: reads from
// standard input [{"policy": {…}, "request": {"object", "oldObject", "request"}}, …] and prints for
// each the messages of what refuses it; null where the policy is not about it.
import {text} from 'node:stream/consumers';
import {celEnv, isCelError, parse, plan} from '@bufbuild/cel';

const environment = celEnv();

function evaluate(expression, bindings) {
  const result = plan(environment, parse(expression))(bindings);
  if (isCelError(result))
    throw new Error(`${expression}: ${result.message}`);
  return result;
}

function refusals({policy, request}) {
  const bindings = {...request, variables: {}};
  for (const condition of policy.spec.matchConditions ?? [])
    if (evaluate(condition.expression, bindings) !== true)
      return null;
  for (const variable of policy.spec.variables ?? [])
    bindings.variables[variable.name] = evaluate(variable.expression, bindings);
  return policy.spec.validations
    .filter((validation) => evaluate(validation.expression, bindings) !== true)
    .map((validation) => validation.message);
}

process.stdout.write(JSON.stringify(JSON.parse(await text(process.stdin)).map(refusals)));
