package codec_test

//go:generate go tool msgp -file replay_types_test.go -o replay_types_gen_test.go -io=false -tests=false

// The topics of a real flight: see the README beside the data. Each type's columns are
// those of its file, in order.

// SensorCombined is a row of sensor_combined.csv.
type SensorCombined struct {
	TimeUS       uint64     `msg:"timestamp"`
	Gyro         [3]float32 `msg:"gyro_rad"`
	GyroDT       float32    `msg:"gyro_integral_dt"`
	AccelTime    int32      `msg:"accelerometer_timestamp_relative"`
	Accel        [3]float32 `msg:"accelerometer_m_s2"`
	AccelDT      float32    `msg:"accelerometer_integral_dt"`
	MagTime      int32      `msg:"magnetometer_timestamp_relative"`
	Mag          [3]float32 `msg:"magnetometer_ga"`
	BaroTime     int32      `msg:"baro_timestamp_relative"`
	BaroAltitude float32    `msg:"baro_alt_meter"`
	BaroTemp     float32    `msg:"baro_temp_celcius"`
}

func (s *SensorCombined) columns() []any {
	return []any{&s.TimeUS, &s.Gyro, &s.GyroDT, &s.AccelTime, &s.Accel, &s.AccelDT, &s.MagTime, &s.Mag, &s.BaroTime, &s.BaroAltitude, &s.BaroTemp}
}

// VehicleAttitude is a row of vehicle_attitude.csv.
type VehicleAttitude struct {
	TimeUS uint64     `msg:"timestamp"`
	Rates  [3]float32 `msg:"rates"`
	Q      [4]float32 `msg:"q"`
}

func (a *VehicleAttitude) columns() []any { return []any{&a.TimeUS, &a.Rates, &a.Q} }

// VehicleLocalPosition is a row of vehicle_local_position.csv. What is zero for most of
// the flight is optional.
type VehicleLocalPosition struct {
	TimeUS        uint64     `msg:"timestamp"`
	RefTimeUS     uint64     `msg:"ref_timestamp"`
	RefLat        float64    `msg:"ref_lat,omitempty"`
	RefLon        float64    `msg:"ref_lon,omitempty"`
	SurfaceTimeUS uint64     `msg:"surface_bottom_timestamp"`
	Position      [3]float32 `msg:"xyz"`
	DeltaXY       [2]float32 `msg:"delta_xy"`
	DeltaZ        float32    `msg:"delta_z,omitempty"`
	Velocity      [3]float32 `msg:"v"`
	DeltaVXY      [2]float32 `msg:"delta_vxy"`
	DeltaVZ       float32    `msg:"delta_vz,omitempty"`
	Yaw           float32    `msg:"yaw"`
	RefAlt        float32    `msg:"ref_alt,omitempty"`
	DistBottom    [2]float32 `msg:"dist_bottom"`
	Errors        [2]float32 `msg:"ep"`
	Valid         [4]bool    `msg:"valid"`
	Resets        [4]uint8   `msg:"resets"`
	Global        [2]bool    `msg:"global"`
	BottomValid   bool       `msg:"dist_bottom_valid"`
}

func (p *VehicleLocalPosition) columns() []any {
	return []any{
		&p.TimeUS, &p.RefTimeUS, &p.RefLat, &p.RefLon, &p.SurfaceTimeUS, &p.Position, &p.DeltaXY, &p.DeltaZ, &p.Velocity,
		&p.DeltaVXY, &p.DeltaVZ, &p.Yaw, &p.RefAlt, &p.DistBottom, &p.Errors, &p.Valid, &p.Resets, &p.Global, &p.BottomValid,
	}
}

// ActuatorOutputs is a row of actuator_outputs.csv, with a list for the outputs.
type ActuatorOutputs struct {
	TimeUS  uint64    `msg:"timestamp"`
	Count   uint32    `msg:"noutputs"`
	Outputs []float32 `msg:"output"`
}

func (a *ActuatorOutputs) columns() []any {
	a.Outputs = make([]float32, 16)
	return []any{&a.TimeUS, &a.Count, &a.Outputs}
}
