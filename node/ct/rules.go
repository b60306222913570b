package ct

import (
	"reflect"
	"slices"
	"strings"
)

// Rule says what a field of a notification may hold. The table of rules is what
// the JSON Schema, proto/rules.json and herald help notification are made from;
// a test holds Validate to every row.
type Rule struct {
	Field    string   `json:"field"` // type and JSON name
	Required bool     `json:"required,omitempty"`
	Codes    []string `json:"codes,omitempty"`     // the closed list
	MaxChars int      `json:"max_chars,omitempty"` // of a text, in characters
	Lines    bool     `json:"lines,omitempty"`     // a text may have line breaks
	MaxItems int      `json:"max_items,omitempty"` // of a list
	MinItems int      `json:"min_items,omitempty"`
	Unique   bool     `json:"unique,omitempty"` // no item twice
	Min      int      `json:"min,omitempty"`    // of a number that is not 0
	Max      int      `json:"max,omitempty"`
	Form     string   `json:"form,omitempty"`    // one of the Form constants
	Pattern  string   `json:"pattern,omitempty"` // regular expression of the whole text
}

// Forms of a text. Date is the subset of EDTF that ParseEDTF reads, Time is RFC
// 3339 with an offset, StateCode is a code of the State table.
const (
	FormDate  = "date"
	FormTime  = "time"
	FormState = "state"
)

// FormPatterns are what of a form a regular expression can say.
var FormPatterns = map[string]string{
	FormDate:  `^[0-9]{2}[0-9X]{2}(-([0-9]{1,2}|XX)(-([0-9]{1,2}|XX))?)?[~?%]?(/[0-9]{2}[0-9X]{2}(-([0-9]{1,2}|XX)(-([0-9]{1,2}|XX))?)?[~?%]?)?$`,
	FormTime:  `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$`,
	FormState: `^([A-Z]{3}|D)$`,
}

func text(most int) Rule           { return Rule{MaxChars: most} }
func lines(most int) Rule          { return Rule{MaxChars: most, Lines: true} }
func list(most int) Rule           { return Rule{MaxItems: most} }
func word(c codes) Rule            { return Rule{Codes: c} }
func words(c codes) Rule           { return Rule{Codes: c, Unique: true} }
func pattern(p string) Rule        { return Rule{Pattern: p} }
func form(f string) Rule           { return Rule{Form: f} }
func states(most int) Rule         { return Rule{Form: FormState, MaxItems: most, Unique: true} }
func between(least, most int) Rule { return Rule{Min: least, Max: most} }
func must(r Rule) Rule             { r.Required = true; return r }

// fieldRules has a row for every field of a notification but those that are
// objects without a rule of their own.
var fieldRules = map[string]Rule{
	"Notification.topic":      must(word(topicNames[TopicTravel : TopicDetention+1])),
	"Notification.priority":   must(word(priorityNames[PriorityRoutine:])),
	"Notification.tlp":        must(word(tlpNames[TLPClear:])),
	"Notification.audience":   must(word(audienceNames[AudienceAll:])),
	"Notification.event":      must(Rule{}),
	"Notification.person":     must(Rule{}),
	"Notification.assessment": must(Rule{}),
	"Notification.handling":   {},
	"Notification.retention":  must(Rule{}),
	"Notification.contact":    must(Rule{}),

	"Event.type":         must(word(eventTypeCodes())),
	"Event.phase":        must(word(phaseCodes)),
	"Event.time":         {MaxChars: 40},
	"Event.precision":    word(precisionCodes),
	"Event.legs":         list(MaxList),
	"Event.source":       form(FormState),
	"Event.transit":      states(MaxList),
	"Event.destination":  form(FormState),
	"Event.detention":    {},
	"Event.accompanying": list(MaxNames),

	"Leg.mode":       must(word(modeCodes)),
	"Leg.carrier":    pattern(`^[A-Z0-9]{2,4}$`),
	"Leg.service_no": pattern(`^[A-Za-z0-9/ -]{1,16}$`),
	"Leg.from":       {},
	"Leg.to":         {},
	"Leg.departs":    form(FormTime),
	"Leg.arrives":    form(FormTime),

	"Place.code":  pattern(`^([A-Z]{3,4}|[A-Z]{2}[A-Z2-9]{3})$`),
	"Place.state": form(FormState),
	"Place.text":  text(MaxNameLen),

	"Detention.authority":         text(MaxNameLen),
	"Detention.country":           must(form(FormState)),
	"Detention.region":            text(MaxNameLen),
	"Detention.legal_ground":      text(MaxNameLen),
	"Detention.since":             form(FormDate),
	"Detention.consular_notified": word(consularCodes),
	"Detention.consular_time":     form(FormTime),
	"Detention.expected_release":  form(FormDate),
	"Detention.expected_transfer": form(FormDate),

	"Companion.role":  must(word(companionCodes)),
	"Companion.name":  {},
	"Companion.birth": {},
	"Companion.note":  lines(MaxText),

	"Person.names":                must(Rule{MaxItems: MaxNames, MinItems: 1}),
	"Person.births":               list(MaxList),
	"Person.birth_places":         list(MaxList),
	"Person.nationalities":        states(MaxList),
	"Person.residence":            list(MaxList),
	"Person.sex":                  word(sexCodes),
	"Person.documents":            list(MaxDocuments),
	"Person.national_ids":         list(MaxList),
	"Person.contacts":             list(MaxList),
	"Person.physical":             {},
	"Person.biometrics_available": {},
	"Person.external_refs":        list(MaxList),
	"Person.misused_identity":     {},
	"Person.asylum_or_refugee":    {},
	"Person.fled_from":            states(MaxList),

	"Name.kind":     word(nameKindCodes),
	"Name.parts":    {MaxItems: MaxNameParts, MaxChars: MaxNameLen},
	"Name.full":     text(MaxNameLen),
	"Name.script":   pattern(`^[A-Z][a-z]{3}$`),
	"Name.lang":     pattern(`^[A-Za-z0-9-]{2,35}$`),
	"Name.quality":  word(qualityCodes),
	"Name.mrz_form": pattern(`^[A-Z<]{1,44}$`),

	"Fact.confidence": word(informationCodes),
	"Fact.source_ref": text(MaxShort),

	"Birth.date":     must(form(FormDate)),
	"Birth.calendar": word(calendarCodes),

	"PlaceOfLife.state": form(FormState),
	"PlaceOfLife.text":  text(MaxNameLen),

	"Document.type":    pattern(`^([PVACI][A-Z]?|F)$`),
	"Document.number":  must(text(MaxShort)),
	"Document.issuer":  form(FormState),
	"Document.issued":  form(FormDate),
	"Document.expires": form(FormDate),
	"Document.status":  word(docStatusCodes),
	"Document.mrz":     {MaxChars: 135, Lines: true},

	"NationalID.country": must(form(FormState)),
	"NationalID.scheme":  text(MaxShort),
	"NationalID.value":   must(text(MaxShort)),

	"PersonContact.kind":  must(word(contactCodes)),
	"PersonContact.value": must(text(MaxNameLen)),

	"Physical.height_cm": between(30, 280),
	"Physical.weight_kg": between(1, 500),
	"Physical.eyes":      pattern(`^[A-Z]{3,4}$`),
	"Physical.hair":      pattern(`^[A-Z]{3,4}$`),
	"Physical.marks":     {MaxItems: MaxList, MaxChars: MaxNameLen},

	"Biometrics.face":        {},
	"Biometrics.fingerprint": {},
	"Biometrics.iris":        {},
	"Biometrics.dna":         {},
	"Biometrics.contact":     text(MaxNameLen),

	"ExternalRef.system": must(word(systemCodes)),
	"ExternalRef.value":  must(text(MaxShort)),

	"Misused.names":     list(MaxNames),
	"Misused.births":    list(MaxList),
	"Misused.documents": list(MaxDocuments),
	"Misused.note":      lines(MaxText),

	"Assessment.grounds":           must(Rule{Codes: groundCodes, Unique: true, MinItems: 1}),
	"Assessment.grounds_text":      must(lines(MaxText)),
	"Assessment.designation":       must(word(designationCodes)),
	"Assessment.legal_basis":       must(Rule{MinItems: 1, MaxItems: MaxList}),
	"Assessment.purpose":           must(word(purposeCodes)),
	"Assessment.source_grade":      word(sourceCodes),
	"Assessment.information_grade": word(informationCodes),
	"Assessment.requested_action":  must(word(actionCodes)),
	"Assessment.warrant_ref":       text(MaxShort),

	"LegalBasis.instrument": must(word(instrumentCodes)),
	"LegalBasis.reference":  text(MaxNameLen),

	"Handling.codes":   words(handlingCodes),
	"Handling.pap":     word(papCodes),
	"Handling.caveats": words(caveatCodes),
	"Handling.orcon":   states(MaxNames),
	"Handling.text":    lines(MaxText),

	"Retention.purpose_date":     form(FormDate),
	"Retention.review_date":      form(FormDate),
	"Retention.expires":          must(form(FormTime)),
	"Retention.extension_reason": lines(MaxText),

	"Contact.desk":  must(text(MaxShort)),
	"Contact.phone": text(MaxShort),
	"Contact.email": text(MaxNameLen),
	"Contact.ref":   text(MaxShort),
}

func eventTypeCodes() (out codes) {
	for _, r := range eventRules {
		out = append(out, string(r.typ))
	}
	return out
}

// EventRule says where an event type belongs and what it needs.
type EventRule struct {
	Type      EventType `json:"type"`
	Topic     Topic     `json:"topic"`
	Phases    []string  `json:"phases"`
	Timed     bool      `json:"timed"`     // the time is mandatory
	Detention bool      `json:"detention"` // the detention block is mandatory
}

// EventRules lists the event types.
func EventRules() (out []EventRule) {
	for _, r := range eventRules {
		out = append(out, EventRule{r.typ, r.topic, r.phases, r.timed, r.custody})
	}
	return out
}

// Rules lists the rules of fields, in the order in which the fields stand in a
// notification, each type once.
func Rules() (out []Rule) {
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || seen[t] {
			return
		}
		seen[t] = true
		var inner []reflect.Type
		for i := range t.NumField() {
			f := t.Field(i)
			inner = append(inner, f.Type)
			if !f.Anonymous {
				r := fieldRules[fieldName(t, f)]
				r.Field = fieldName(t, f)
				out = append(out, r)
			}
		}
		for _, t := range inner {
			walk(t)
		}
	}
	walk(reflect.TypeFor[Notification]())
	return out
}

func fieldName(t reflect.Type, f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return t.Name() + "." + name
}

// HasRule tells whether the table has a row for a field.
func HasRule(field string) bool { _, ok := fieldRules[field]; return ok }

// BetweenFields are the rules that more than one field, the clock or the policy
// of a network decides, for people. What of them a JSON Schema can say is in it.
var BetweenFields = []string{
	"topic: each event type belongs to one topic; phase: each event type allows some (see the event types)",
	"event.time: an RFC 3339 time when precision is exact or not given with one, else an EDTF date; mandatory where the event type says so; a confirmed event does not lie in the future",
	"event.legs: each has from or to; departures and arrivals are in order",
	"names: each has parts or full; birth_places, residence: each has state or text",
	"births: a year from 1850 to 2100, not in the future",
	"documents: expires is not before issued; mrz is a machine-readable zone of ICAO 9303 whose check digits are right",
	"legal_basis: a treaty and domestic-law need a reference",
	"requested_action: DETAIN_FOR_EXTRADITION needs warrant_ref; consular_time needs consular_notified yes",
	"a family-member, witness or victim: no ground but association, no warrant_ref, and neither REFUSE_ENTRY nor DETAIN_FOR_EXTRADITION",
	"a person who may be under 18: designation family-member or witness-or-victim, no ground but association, no warrant_ref, and only CHILD_PROTECTION or NOTIFY_ONLY",
	"retention: expires lies in the future and at most 1,827 days ahead (366 for a person who may be under 18), or what the network's policy says; purpose_date and review_date are not after it",
	"texts: no control characters, no overrides of direction, no blanks at an end",
}

// RulesDocument is the table as proto/rules.json holds it.
func RulesDocument() any {
	return struct {
		Forms   map[string]string `json:"forms"`
		Fields  []Rule            `json:"fields"`
		Events  []EventRule       `json:"event_types"`
		Between []string          `json:"between_fields"`
		States  []State           `json:"states"`
		Limits  map[string]int    `json:"limits"`
	}{
		FormPatterns, Rules(), EventRules(), BetweenFields, stateCodes(),
		map[string]int{
			"birth_year_min": minBirthYear, "birth_year_max": maxBirthYear, "retention_days": int(MaxRetention.Hours() / 24), "minor_retention_days": int(DefaultMinorRetention.Hours() / 24),
			"json_bytes": MaxJSON,
		},
	}
}

func stateCodes() (out []State) {
	for _, c := range countries {
		out = append(out, c.State)
	}
	slices.Sort(out)
	return out
}
