package ct

import (
	"reflect"
	"slices"
	"strings"
)

// JSONSchema is the JSON Schema (draft 2020-12) of a notification, made from the
// table of rules. What Validate refuses and a schema can express, it refuses.
func JSONSchema() map[string]any {
	defs := map[string]any{}
	root := objectSchema(reflect.TypeFor[Notification](), defs)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "herald notification"
	root["description"] = "What herald publish -f reads. Rules that need the clock, the network's policy or check digits are not in it: herald publish --dry-run checks all."
	var all []any
	for _, r := range eventRules {
		then := map[string]any{"phase": map[string]any{"enum": r.phases}}
		event := map[string]any{"properties": then}
		var needs []string
		if r.timed {
			needs = append(needs, "time")
		}
		if r.custody {
			needs = append(needs, "detention")
		}
		if len(needs) > 0 {
			event["required"] = needs
		}
		all = append(all, map[string]any{
			"if":   having("event", having("type", map[string]any{"const": string(r.typ)})),
			"then": map[string]any{"properties": map[string]any{"topic": map[string]any{"const": r.topic.String()}, "event": event}},
		})
	}
	action := func(c ...string) map[string]any { return having("requested_action", map[string]any{"enum": c}) }
	all = append(all,
		map[string]any{"if": having("assessment", action(ActionDetainForExtradition)), "then": map[string]any{"properties": map[string]any{"assessment": map[string]any{"required": []string{"warrant_ref"}}}}},
		map[string]any{"if": having("assessment", having("designation", map[string]any{"enum": bystanderDesignations})), "then": map[string]any{
			"not": having("assessment", action(adverseActions...)),
			"properties": map[string]any{"assessment": map[string]any{
				"not":        map[string]any{"required": []string{"warrant_ref"}},
				"properties": map[string]any{"grounds": map[string]any{"items": map[string]any{"enum": harmlessGrounds}}},
			}},
		}},
	)
	root["allOf"] = all
	root["$defs"] = defs
	return root
}

// having is the schema of an object that has a field of a schema.
func having(field string, of map[string]any) map[string]any {
	return map[string]any{"required": []string{field}, "properties": map[string]any{field: of}}
}

func objectSchema(t reflect.Type, defs map[string]any) map[string]any {
	properties := map[string]any{}
	var required []string
	var fields func(t reflect.Type)
	fields = func(t reflect.Type) {
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Anonymous {
				fields(f.Type)
				continue
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			r := fieldRules[fieldName(t, f)]
			properties[name] = r.schema(f.Type, defs)
			if r.Required {
				required = append(required, name)
			}
		}
	}
	fields(t)
	out := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		slices.Sort(required)
		out["required"] = required
	}
	switch t {
	case reflect.TypeFor[Name]():
		out["anyOf"] = []any{having("full", map[string]any{"minLength": 1}), having("parts", map[string]any{"minItems": 1})}
	case reflect.TypeFor[PlaceOfLife]():
		out["anyOf"] = []any{having("state", map[string]any{"minLength": 1}), having("text", map[string]any{"minLength": 1})}
	case reflect.TypeFor[LegalBasis]():
		out["if"] = having("instrument", map[string]any{"enum": []string{"treaty", "domestic-law"}})
		out["then"] = map[string]any{"required": []string{"reference"}}
	case reflect.TypeFor[Detention]():
		out["if"] = map[string]any{"required": []string{"consular_time"}}
		out["then"] = having("consular_notified", map[string]any{"const": "yes"})
	}
	return out
}

func (r Rule) schema(t reflect.Type, defs map[string]any) map[string]any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Slice:
		one := r
		one.MaxItems, one.MinItems, one.Unique = 0, 0, false
		one.Required = true // an element that is there says something
		out := map[string]any{"type": "array", "items": one.schema(t.Elem(), defs)}
		if r.MaxItems > 0 {
			out["maxItems"] = r.MaxItems
		}
		if r.MinItems > 0 {
			out["minItems"] = r.MinItems
		}
		if r.Unique {
			out["uniqueItems"] = true
		}
		return out
	case reflect.Struct:
		if _, ok := defs[t.Name()]; !ok {
			defs[t.Name()] = nil // it is on the way
			defs[t.Name()] = objectSchema(t, defs)
		}
		return map[string]any{"$ref": "#/$defs/" + t.Name()}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Uint32:
		if len(r.Codes) == 0 { // 0 is not known
			return map[string]any{"type": "integer", "anyOf": []any{map[string]any{"const": 0}, map[string]any{"minimum": r.Min, "maximum": r.Max}}}
		}
	}
	out := map[string]any{"type": "string"}
	switch {
	case r.Codes != nil:
		list := slices.Clone(r.Codes)
		if !r.Required {
			list = append(list, "") // as if it were not there
		}
		out["enum"] = list
	case r.Form != "":
		out["pattern"] = optional(FormPatterns[r.Form], r.Required)
	case r.Pattern != "":
		out["pattern"] = optional(r.Pattern, r.Required)
	case r.Lines:
		out["pattern"] = optional(`^[^\x00-\x09\x0b-\x20\x7f]([^\x00-\x09\x0b-\x1f\x7f]*[^\x00-\x09\x0b-\x20\x7f])?$`, r.Required)
	default:
		out["pattern"] = optional(`^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$`, r.Required)
	}
	if r.MaxChars > 0 {
		out["maxLength"] = r.MaxChars
	}
	return out
}

// optional lets a text be empty where it need not be there.
func optional(pattern string, required bool) string {
	if required {
		return pattern
	}
	return "^$|" + pattern
}
