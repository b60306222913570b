package api

import (
	"bytes"
	"encoding/json"
	"fmt"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/structpb"
)

// codecs read what callers send and refuse every field that they do not know: a
// filter whose name is mistyped would else narrow nothing, and an answer would
// be taken for what was asked. JSON has the names of the proto file, which are
// those of the commands too.
func codecs() []connect.HandlerOption {
	return []connect.HandlerOption{
		connect.WithCodec(binaryCodec{}), connect.WithCodec(jsonCodec{"json"}), connect.WithCodec(jsonCodec{"json; charset=utf-8"}),
	}
}

type binaryCodec struct{}

func (binaryCodec) Name() string { return "proto" }

func (binaryCodec) Marshal(v any) ([]byte, error) {
	m, err := message(v)
	if err != nil {
		return nil, err
	}
	return proto.Marshal(m)
}

func (binaryCodec) Unmarshal(raw []byte, v any) error {
	m, err := message(v)
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(raw, m); err != nil {
		return err
	}
	return known(m.ProtoReflect())
}

type jsonCodec struct{ name string }

func (c jsonCodec) Name() string { return c.name }

func (jsonCodec) Marshal(v any) ([]byte, error) {
	m, err := message(v)
	if err != nil {
		return nil, err
	}
	raw, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	// protojson writes a blank or none, by chance.
	var out bytes.Buffer
	err = json.Compact(&out, raw)
	return out.Bytes(), err
}

func (jsonCodec) Unmarshal(raw []byte, v any) error {
	m, err := message(v)
	if err != nil {
		return err
	}
	if len(raw) == 0 {
		return fmt.Errorf("no JSON: want an object, {} at least")
	}
	return protojson.Unmarshal(raw, m)
}

func message(v any) (proto.Message, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is no message", v)
	}
	return m, nil
}

// known refuses a message that holds fields which this version does not know.
func known(m protoreflect.Message) error {
	if len(m.GetUnknown()) > 0 {
		return fmt.Errorf("%s holds a field that this node does not know: the caller is of another version", m.Descriptor().Name())
	}
	if m.Descriptor().FullName() == (*structpb.Struct)(nil).ProtoReflect().Descriptor().FullName() {
		return nil // a document: what may be in it is judged when it is read
	}
	var err error
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil || f.IsMap():
		case f.IsList():
			for i := range v.List().Len() {
				if err = known(v.List().Get(i).Message()); err != nil {
					break
				}
			}
		default:
			err = known(v.Message())
		}
		return err == nil
	})
	return err
}
